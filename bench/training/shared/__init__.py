"""Training one model by several processes that share each batch, as torch's DistributedDataParallel does."""

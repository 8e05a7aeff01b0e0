#!/bin/bash
# Evaluate trained models by an array of SLURM jobs that share the disk of the results folder:
#   sbatch --array=1-8 slurm_shards.sh --methods Standard,PGD-AT --attacks AutoAttack
# The options are those of `bench run` with which the models were trained, but for --attacks.
#SBATCH --job-name=bench-shards
#SBATCH --output=%x-%A-%a.log
#SBATCH --cpus-per-task=1
set -euo pipefail
bench run "$@" --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"

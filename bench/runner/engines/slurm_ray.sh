#!/bin/bash
# Train and evaluate on a Ray cluster made of a SLURM allocation; the first node's process alone writes results:
#   sbatch --nodes=4 --cpus-per-task=32 slurm_ray.sh --methods all --dataset cifar10 --data-dir DIR
# The options are those of `bench run`. With GPUs: add --gpus-per-node=8 and, behind the file, --device cuda.
#SBATCH --job-name=bench-ray
#SBATCH --output=%x-%j.log
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
set -euo pipefail
RAY_AUTH_TOKEN=$(python -c "import secrets; print(secrets.token_hex(16))") # other users of the machines cannot join
export RAY_AUTH_TOKEN RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0
export RAY_raylet_start_wait_time_s=${RAY_raylet_start_wait_time_s:-300} # a busy host is slow to join
export RAY_TMPDIR=${RAY_TMPDIR:-/tmp} # a short path: names of sockets are limited to about 100 characters
address=$(hostname -i | awk '{print $1}'):$((20000 + SLURM_JOB_ID % 10000))
cpus=${SLURM_CPUS_PER_TASK:-1}

ray start --head --port "${address##*:}" --num-cpus "$cpus" --include-dashboard=false
trap 'ray stop' EXIT
if [ "$SLURM_JOB_NUM_NODES" -gt 1 ]; then # the other nodes join within seconds, and work from then on
    others=$((SLURM_JOB_NUM_NODES - 1))
    srun --nodes="$others" --ntasks="$others" --exclude="$SLURMD_NODENAME" \
        ray start --address "$address" --num-cpus "$cpus" --block &
fi
bench run --engine ray --ray-address "$address" "$@"

"""Pure views of Kubernetes objects: what a check may read, and nothing else."""

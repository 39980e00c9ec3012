"""Amazon SageMaker, the pure part: what is wanted, what was seen, and which step comes next."""

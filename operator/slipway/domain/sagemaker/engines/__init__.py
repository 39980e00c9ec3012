"""The engines that SageMaker's containers run: one module each, and what is said of all of them."""

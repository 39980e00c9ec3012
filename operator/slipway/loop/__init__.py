"""The generic control loop: a keyed queue, back-off, a store of objects, workers. Knows nothing of models."""

"""The API that users write and read: one package a version."""

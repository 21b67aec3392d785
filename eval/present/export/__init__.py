"""Runs for other programs: data sets, MLflow, Weights & Biases."""

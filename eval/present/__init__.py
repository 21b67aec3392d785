"""What a person looks at: figures, reports, tables, exports, and the outputs of a run."""

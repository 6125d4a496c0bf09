"""What pocket is measured by: one module a measure, each gives rows of the table."""

"""The SQL of stream tasks and of the processor sql: read into statements, and made into functions over batches."""

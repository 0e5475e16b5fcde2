"""Look-ups in a bundle's memory-mapped tables: by id, by word, by row and by column."""

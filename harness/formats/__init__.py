"""Read and write the recordings of other tuners; write and fetch archives of landscapes."""

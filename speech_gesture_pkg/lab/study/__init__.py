"""Studies: many files through generators, pipeline and metrics; records, summaries, comparisons.

    inputs  ->  jobs  ->  engine (processes or a Dask cluster)  ->  one record a job on disk  ->  results, comparison

`worker.run_job` is all that a worker process does; everything it needs stands in the job.
"""

"""
The first law of the job group: what Batch does for it never changes the outcome.

One description of a graph (:mod:`shapes`, :mod:`catalogue`) becomes two DAGs (:mod:`twins`): the *oracle*,
whose tasks are ordinary Airflow tasks (:mod:`plain`), and its twin, whose groups are Batch jobs
(:mod:`grouped`). A real Airflow runs both, and what is observed of them (:mod:`observation`) is compared.
"""

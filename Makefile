# Aliases; what they do stands in readable scripts.

PYTHON ?= python3

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench

help: ## Show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /  make \1\t/' | expand -t 16

demo: .venv/installed ## Run the example DAG in a real Airflow on the Batch emulator; KEEP=1 stays up until Ctrl-C
	@.venv/bin/python -m demo.run

test: .venv/installed ## Run all tests, on Airflow 3.3.2 and on 2.11.2
	@PYTHON=$(PYTHON) scripts/test.sh

lint: .venv/installed ## Check style, types and who imports whom
	@scripts/lint.sh

bench: .venv-bench/installed ## Compare with the official operator and the SDK; most of an hour
	@.venv-bench/bin/python -m benchmarks.emulator
	@.venv-bench/bin/python -m benchmarks.parsing
	@.venv-bench/bin/python -m benchmarks.launch_10000
	@.venv-bench/bin/python -m benchmarks.scale
	@.venv-bench/bin/python -m benchmarks.layered_graph

# The Airflow that each environment has.
.venv/installed: airflow := 3.3.2
.venv-airflow-2.11/installed: airflow := 2.11.2
.venv-bench/installed: airflow := 3.3.2
.venv-bench/installed: group := bench
.venv/installed: constraints/airflow-3.3.2.txt
.venv-airflow-2.11/installed: constraints/airflow-2.11.2.txt
.venv-bench/installed: constraints/airflow-3.3.2.txt

group := dev
%/installed: pyproject.toml scripts/create_environment.sh
	@scripts/create_environment.sh $(PYTHON) $(@D) $(airflow) $(group)
	@touch $@

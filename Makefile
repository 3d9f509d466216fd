# Every target works in a fresh clone with Python 3.11+ and PyPI alone: .venv is made on first use.
# PYTHON=… names another; otherwise it is python3, or a better build of the same version (docs/adr/0065).
PYTHON ?= $(shell python3 tools/python.py)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.locked
RELEASED := protos/released.binpb
SOURCES := $(wildcard libs services tests tools examples)
# Empty is unset: a service that starts anew compiles all of its modules otherwise, a quarter of the time that it takes.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo up bench test soak check lint types imports contracts stubs-fresh reference-fresh sql-rules protos docs release-image lock fmt clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements/dev.lock pyproject.toml libs/sdk/pyproject.toml
	@python='$(PYTHON)'; "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "error: Python 3.11 or later is needed; name one: make PYTHON=python3.12 ..." >&2; exit 1; }; \
	"$$python" tools/environment.py $(VENV) requirements/dev.lock --editable libs/sdk --editable .

demo: $(READY) ## run the main job on real purchases and verify the ledger; PURCHASES=FILE for your own
	@exec $(BIN)/guerdon demo $(if $(PURCHASES),--purchases '$(PURCHASES)')

up: $(READY) ## run all services in the foreground until Ctrl-C
	@exec $(BIN)/guerdon up

bench: $(READY) ## every benchmark, as tables and as JSON in .guerdon/bench; PURCHASES=FILE: only the import, of your own
	@exec $(BIN)/guerdon bench $(if $(PURCHASES),import --purchases '$(PURCHASES)')

# In three processes, each with servers of its own, unless some tests are named or servers are given; tests/sharing.py says
# which runs what. Each waits now and then, for what it killed to be back: two processors are not busy with two.
SHARED := -n 3 --dist loadfile --no-loadscope-reorder
ALONE := $(TESTS)$(GUERDON_POSTGRES_URL)$(GUERDON_REDIS_CACHE_URL)$(GUERDON_REDIS_EVENTS_URL)
test: $(READY) ## run the whole test suite against a real PostgreSQL and Redis; TESTS=tests/unit for a part of it
	@exec $(BIN)/python -m pytest $(if $(ALONE),$(TESTS),$(SHARED))

soak: $(READY) ## hold ledgers against the auditor for MINUTES (10), while servers are killed; SEED=… begins with that one
	@exec $(BIN)/python -m tests.integration.ledger.model.soak --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

check: $(READY) ## lint, types, import rules, contracts, generated code and reference, rules for the ledger's SQL
	@$(MAKE) --no-print-directory --keep-going lint types imports contracts stubs-fresh reference-fresh sql-rules
	@echo "check: ok"

lint: $(READY)
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --quiet --check || { $(BIN)/ruff format --check; exit 1; }
	@echo "lint: ok"

types: $(READY)
	@$(BIN)/mypy --no-error-summary $(SOURCES)
	@echo "types: ok"

imports: $(READY)
	@$(BIN)/lint-imports --no-logo

contracts: $(READY)
	@$(BIN)/python tools/contracts.py $(RELEASED)

stubs-fresh: $(READY)
	@$(BIN)/python tools/protos.py check

reference-fresh: $(READY)
	@$(BIN)/python tools/reference.py check
	@echo "reference: ok"

# The rules that let the ledger's schema and statements run distributed, as far as reading them can tell.
sql-rules: $(READY)
	@$(BIN)/python -m pytest --quiet --no-header tests/unit/ledger/test_sql_rules.py

protos: $(READY) ## regenerate the SDK's stubs from protos/
	@$(BIN)/python tools/protos.py generate

docs: $(READY) ## regenerate docs/reference from the code and the protos
	@$(BIN)/python tools/reference.py generate

release-image: $(READY) ## write the image that later contracts may not break; at a release only
	@$(BIN)/python tools/protos.py image $(RELEASED)
	@echo "$(RELEASED) written: commit it with the release"

lock: $(READY) ## write requirements/*.lock anew; UPGRADE=1 to move every version
	@UV=$(BIN)/uv tools/lock.sh $(if $(UPGRADE),--upgrade)

fmt: $(READY) ## format, and fix what can be fixed
	@$(BIN)/ruff check --quiet --fix-only
	@$(BIN)/ruff format

clean: ## remove caches and environments; data under .guerdon/ stays
	@rm -rf $(VENV) .venv-protos .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache dist
	@find libs services tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

# One word a target; each sets up what it needs.
.DEFAULT_GOAL := help
.PHONY: help setup control-plane control-plane-1.34 lint format generate test test-1.34 fuzz chaos mutation judge demo bench soak sbom clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

help: ## List the targets
	@awk -F':.*## ' '/^[a-z0-9.-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv with the package and the pinned development tools

$(STAMP): requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
		echo "setup: $$($(PYTHON) --version) found, 3.11 to 3.13 needed: make setup PYTHON=python3.12" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

control-plane: ## Build etcd, kube-apiserver & co. into .cache/control-plane/bin (Go; minutes, once)
	@tools/control-plane/build.sh

control-plane-1.34: ## Build the second server version into .cache/control-plane/bin-1.34 (Go; minutes, once)
	@tools/control-plane/build.sh 1.34

lint: setup ## Check style, types, layers, YAML, Dockerfile and generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/yamllint --strict .
	$(BIN)/hadolint Dockerfile
	$(BIN)/python -m tools.generate --check

format: setup ## Format the code and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

generate: setup ## Write everything that is derived: CRDs, check pages
	$(BIN)/python -m tools.generate

test: setup control-plane ## Run all tests, those against a real API server included
	$(BIN)/python -m pytest --numprocesses auto --dist loadgroup

test-1.34: setup control-plane-1.34 ## Run the tests with an operator in a cluster against Kubernetes 1.34
	KUBEBUILDER_ASSETS=$(CURDIR)/.cache/control-plane/bin-1.34 $(BIN)/python -m pytest tests/e2e tests/chart \
		--numprocesses auto --dist loadgroup

judge: setup control-plane ## Compare our verdicts with Kubernetes' on thousands of generated cases (minutes)
	READINESS_JUDGE=full $(BIN)/python -m pytest tests/judge tests/compiled_policies --capture=no -p no:randomly

chaos: setup control-plane ## Break what is around the operator, in a dozen ways, and print what came of it (half an hour)
	READINESS_CHAOS=full $(BIN)/python -m pytest tests/chaos --timeout 3600 --capture=no -p no:randomly

fuzz: setup ## Look further for manifests that crash, hang or pass wrongly (READINESS_FUZZ_TIMES=20)
	READINESS_FUZZ_TIMES=$${READINESS_FUZZ_TIMES:-20} $(BIN)/python -m pytest tests/fuzz --timeout 7200 --numprocesses auto

mutation: setup ## Change the code of the checks in every place: a test must fail (half an hour or more)
	$(BIN)/python -m tools.mutate

demo: setup control-plane ## Show the operator at work on a local control plane
	@$(BIN)/python -m tools.demo

bench: setup control-plane ## Measure speed and memory, ratios from one run
	@$(BIN)/python -m tools.bench

soak: setup control-plane ## Change a cluster of 10,000 workloads for an hour and watch the controller (SOAK="--minutes 20")
	@$(BIN)/python -m tools.soak $(SOAK)

sbom: setup ## Say what is in the image and under which licences, into dist/
	@$(BIN)/python -m tools.image

clean: ## Remove the environment and everything built
	rm -rf $(VENV) .cache dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis

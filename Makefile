# One command each. `make help` lists them; README.md explains the first two.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PROFILE ?= bare_metal
INVENTORY ?= inventories/sandbox
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
AUDIT := .cache/audit
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 /usr/bin/python3; do \
	"$$p" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)

export PATH := $(CURDIR)/$(BIN):$(PATH)
export SANDBOX_PROFILE := $(PROFILE)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export MOLECULE_GLOB := molecule/*/molecule.yml
SANDBOX := $(BIN)/python -m sandbox.runner

.PHONY: help
help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(VENV)/.installed: requirements-dev.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "setting up $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.txt
	@touch $@

.PHONY: site
site: $(VENV)/.installed ## Take the sites of INVENTORY (default: the sandbox) through all five stages
ifeq ($(INVENTORY),inventories/sandbox)
	@$(SANDBOX) up --profile $(PROFILE)
endif
	@ANSIBLE_STDOUT_CALLBACK=$${ANSIBLE_STDOUT_CALLBACK:-inferops.vllm.stages} \
		$(BIN)/ansible-playbook playbooks/site.yml --inventory $(INVENTORY) $(ARGS)

.PHONY: test
test: $(VENV)/.installed ## Run the whole test suite against sandboxes of its own
	@$(SANDBOX) binaries
	@SANDBOX_TESTS=1 $(BIN)/pytest --numprocesses 2 --dist loadfile --cov --cov-report= $(ARGS)
	@$(BIN)/coverage report --include='plugins/module_utils/*' --skip-covered --fail-under=95

.PHONY: lint
lint: $(VENV)/.installed ## Run every static check
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy -p ansible_collections.inferops.vllm.plugins.module_utils
	@$(BIN)/mypy -p sandbox
	@$(BIN)/mypy -p bench
	@$(BIN)/yamllint --strict .
	@$(BIN)/ansible-lint --offline --profile production -q
	@$(BIN)/antsibull-changelog lint
	@$(BIN)/antsibull-docs lint-collection-docs --plugin-docs .
	@tools/check_collection.sh sanity

.PHONY: faults
faults: $(VENV)/.installed ## Break a converged site in every known way; each must be named, refused in time and mended
	@$(SANDBOX) binaries
	@$(BIN)/python -m sandbox.faultrunner --reset --converge --write-docs $(ARGS)

.PHONY: chaos
chaos: $(VENV)/.installed ## Kill the play and spoil its surroundings; the next run must end verified
	@$(SANDBOX) binaries
	@$(BIN)/python -m sandbox.faultrunner.chaos --write-docs $(ARGS)

.PHONY: leaks
leaks: $(VENV)/.installed ## Send canary secrets through whole runs, and search all that is left
	@$(SANDBOX) binaries
	@$(BIN)/python -m tests.leaks --write-docs $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/.installed ## Test every property with at least 100,000 inputs; ARGS="--seconds 60" for a share of it
	@$(BIN)/python -m tests.fuzz --write-docs $(ARGS)

.PHONY: fuzz-guided
fuzz-guided: $(VENV)/.guided ## Test the properties with inputs that are steered by coverage (Linux on x86-64)
	@$(BIN)/python -m tests.fuzz.guided --write-docs $(ARGS)
$(VENV)/.guided: requirements-guided.txt $(VENV)/.installed
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-guided.txt
	@touch $@

.PHONY: nightly
nightly: faults chaos leaks fuzz fuzz-guided bench-check audit units molecule compat ## What takes hours

.PHONY: audit lock
audit: $(AUDIT)/.installed ## Look up known vulnerabilities of what is locked
	@$(AUDIT)/bin/python -m tools.audit $(ARGS)
lock: $(AUDIT)/.installed ## Lock requirements-*.in with hashes; ARGS=--upgrade for the newest versions
	@$(AUDIT)/bin/python -m tools.lock $(ARGS)
$(AUDIT)/.installed: requirements-audit.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -m venv $(AUDIT)
	@$(AUDIT)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-audit.txt
	@touch $@

.PHONY: units molecule compat
units: $(VENV)/.installed ## Run the unit tests as ansible-test runs them
	@tools/check_collection.sh units $(ARGS)
molecule: $(VENV)/.installed ## Play every stage by itself, and the whole site in both GPU modes, on sandboxes of their own
	@$(SANDBOX) binaries
	@$(BIN)/molecule test $(if $(ARGS),$(ARGS),--all)
compat: $(VENV)/.installed ## Test with every supported ansible-core whose Python is here; ARGS=--record for the page
	@$(SANDBOX) binaries
	@$(BIN)/python -m tools.compat $(ARGS)

.PHONY: browser
browser: $(VENV)/.installed ## Open the report page in a real Chromium (apt-get installs it; make test uses one that is there)
	@command -v chromium chromium-browser google-chrome >/dev/null || { apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium; }
	@$(BIN)/pytest tests/browser $(ARGS)
	@echo "screenshots: tests/output/report"

.PHONY: bench bench-check
bench: $(VENV)/.installed ## Measure everything side by side and write docs/performance.* (about ten minutes)
	@$(BIN)/python -m bench --write-docs $(ARGS)
bench-check: $(VENV)/.installed ## Measure, and fail where a ratio is outside bench/budgets.yml
	@$(BIN)/python -m bench --check $(ARGS)

.PHONY: real-vllm
real-vllm: $(VENV)/.installed ## Start a real vLLM on this CPU with what we emit, and prove it (its own 6 GB venv)
	@$(BIN)/python -m tools.real_vllm install
	@REAL_VLLM=1 $(BIN)/pytest tests/real_vllm $(ARGS)

.PHONY: dist
dist: $(VENV)/.installed ## Build the collection, and its bill of materials (CycloneDX)
	@$(BIN)/ansible-galaxy collection build --force --output-path dist
	@$(BIN)/python -m tools.sbom dist

.PHONY: sandbox-up sandbox-down sandbox-reset sandbox-status sandbox-env
sandbox-up: $(VENV)/.installed ## Start the rehearsal cluster of PROFILE (bare_metal or vgpu)
	@$(SANDBOX) up --profile $(PROFILE)
sandbox-down: $(VENV)/.installed ## Stop it
	@$(SANDBOX) down --profile $(PROFILE)
sandbox-reset: $(VENV)/.installed ## Empty it: new cluster, new repository
	@$(SANDBOX) reset --profile $(PROFILE)
sandbox-status: $(VENV)/.installed ## Show its processes
	@$(SANDBOX) status --profile $(PROFILE)
sandbox-env: $(VENV)/.installed ## Print exports: eval "$$(make -s sandbox-env)"; kubectl get pods -A
	@$(SANDBOX) env --profile $(PROFILE)

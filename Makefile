# What a person types here; `make help` lists it.
PYTHON ?= python3
VENV := .venv
# Without cached bytecode, each process of a test compiles the modules and pytest's assertions again.
export PYTHONDONTWRITEBYTECODE :=
.DEFAULT_GOAL := help
.PHONY: help demo test test-all static testbed lint unit slow crash fault fault-matrix bootstraps chart browser cluster kind servers screenshots dashboard-pictures generate bench-regression bench-comparison bench-fleet bench-registry bench-disk bench-start bench-memory bench-cpu bench-cluster image-size format lock clean

help: ## list what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s  %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/demo ## watch the whole lifecycle on a simulated node, in about a minute (make demo ARGS=--keep stays)
	@$(VENV)/bin/python -m monitor demo $(ARGS)

# Suites add the reasons of skipped tests to the file NOT_RUN.
test: $(VENV)/test ## five minutes, on any machine: lint, unit, a minute each of crash and fault, and chart with the installed Helm
	@rm -f $(VENV)/not-run
	+export NOT_RUN=$(abspath $(VENV))/not-run; $(MAKE) --jobs=1 lint unit \
	  && $(MAKE) --jobs=1 crash fault ARGS=--brief && BUILD_NOTHING=1 $(MAKE) chart
	@sort $(VENV)/not-run | uniq --count | awk '{n = $$1; $$1 = ""; printf "%s%s (%d tests)", (NR > 1 ? ";" : "Not run:"), $$0, n} \
	  END {print (NR ? ". " : "") "make test-all adds slow, the whole of crash and fault, bootstraps, browser, servers and cluster."}'

# What takes long to build where nothing is cached is built beside the tests that watch no clock.  The last two wait more
# than they work, so they wait together.
test-all: $(VENV)/test ## all of it: what lint, unit, chart, browser, slow, crash, fault, bootstraps, servers and cluster do
	+$(MAKE) --jobs=2 testbed static
	+$(MAKE) browser slow crash fault bootstraps
	+$(MAKE) --jobs=2 servers cluster

static: ## lint, unit and chart, one after the other
	+$(MAKE) --jobs=1 lint unit chart

testbed: $(VENV)/test ## install and build what the tests of browser, bootstraps, servers and cluster run, once (25 minutes; root on Debian)
	PYTHONPATH=tests $(VENV)/bin/python -m testbed.beforehand

lint: $(VENV)/test ## ruff, mypy --strict, import-linter
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

# The tests wait for a third of their time, so two workers fill a processor.
UNIT_WORKERS = $$(($$(getconf _NPROCESSORS_ONLN) * 2))
unit: $(VENV)/test ## a minute of tests that need neither network nor root; the rules by every branch
	$(VENV)/bin/pytest -q --no-header --brief --cov=monitor.decide --cov-branch --cov-fail-under=100 --cov-report= \
	  tests/unit/decide
	$(VENV)/bin/pytest -q --brief --numprocesses=$(UNIT_WORKERS) --dist=worksteal --ignore=tests/unit/decide tests/unit $(ARGS)

slow: $(VENV)/test ## the unit tests that unit leaves out: those of real processes, and all examples of property tests
	$(VENV)/bin/pytest -q --numprocesses=auto --dist=loadfile -m "slow or hypothesis" tests/unit $(ARGS)

crash: $(VENV)/test ## kill -9 at every step of init and wait-for-completion
	$(VENV)/bin/pytest -q tests/crashes $(ARGS)

fault: $(VENV)/test ## faults of cluster, node, volume and clock, each at a bad moment: a set that covers all of them
	$(VENV)/bin/pytest -q tests/faults $(ARGS)

fault-matrix: $(VENV)/test ## every fault at every moment (about 20 minutes), and the table of docs/reliability.md
	$(VENV)/bin/pytest -q tests/faults --all-cells $(ARGS)

bootstraps: $(VENV)/test ## each sync mode with real and simulated nodes, disturbed: a set that covers all (all: ARGS=--all-cells)
	$(VENV)/bin/pytest -q tests/bootstraps $(ARGS)

chart: $(VENV)/test ## render the Helm chart and the kustomize component, and hold them against Kubernetes' schemas; lint workflows
	$(VENV)/bin/pytest -q tests/chart $(ARGS)

browser: $(VENV)/test ## the status page in a real Chromium: barriers, requests, refresh, each phase of a run (root on Debian, and npm)
	$(VENV)/bin/pytest -q tests/browser $(ARGS)

cluster: $(VENV)/test ## end to end: a real AvalancheGo on a real Kubernetes (root on Debian, or kind)
	$(VENV)/bin/pytest -q --numprocesses=auto --dist=loadscope --no-loadscope-reorder tests/e2e $(ARGS)

kind: $(VENV)/test ## the steps of deploy/kind/README.md, and end-to-end tests on kind (docker with kind, or root on Debian: builds for 9 to 12 minutes, once)
	PYTHON=$(abspath $(VENV))/bin/python tests/kind/run $(ARGS)

servers: $(VENV)/test ## rules and dashboards against a real Prometheus, old and new, and a real Alertmanager
	$(VENV)/bin/pytest -q tests/servers $(ARGS)

screenshots: $(VENV)/test ## take the documents' pictures of the page from a real run (2 minutes)
	PYTHONPATH=.:tests $(VENV)/bin/python -m browser.screenshots

dashboard-pictures: $(VENV)/test ## draw the documents' pictures of the dashboards from real monitors (6 minutes)
	PYTHONPATH=.:tests $(VENV)/bin/python -m servers.dashboard_pictures

generate: $(VENV)/test ## write what is made from code: pages of docs, dashboards, the PrometheusRule, the chart's values
	$(VENV)/bin/python -m docs.generate
	$(VENV)/bin/python -m dashboards
	$(VENV)/bin/python -m alerts.generate
	$(VENV)/bin/python -m deploy.generate

bench-regression: $(VENV)/test ## how often the regression verdict is right, on simulated histories
	$(VENV)/bin/python -m bench.regression $(ARGS)

bench-comparison: $(VENV)/test ## how often local --compare is right, on drawn durations
	$(VENV)/bin/python -m bench.comparison $(ARGS)

bench-registry: $(VENV)/test ## what a hostile registry costs, and what is reported
	$(VENV)/bin/python -m bench.hostile_registry

bench-disk: $(VENV)/test ## what a walk over 200,000 files costs beside du, and whether the node's polls wait for it
	$(VENV)/bin/python -m bench.disk_walk $(ARGS)

bench-start: $(VENV)/test ## how long init and version take to begin, beside an empty Python
	$(VENV)/bin/python -m bench.start $(ARGS)

bench-memory: $(VENV)/test ## the sidecar's memory, where each MiB goes, and whether it grows (about 5 minutes)
	$(VENV)/bin/python -m bench.memory $(ARGS)

bench-cpu: $(VENV)/test ## the sidecar's CPU time at default intervals (about 5 minutes)
	$(VENV)/bin/python -m bench.cpu $(ARGS)

bench-cluster: $(VENV)/test ## on a real Kubernetes: requests in an hour, from a push to the new run, memory (15 minutes; root on Debian)
	$(VENV)/bin/python -m bench.on_cluster $(ARGS)

bench-fleet: $(VENV)/test ## what a fleet of 1,000 testers costs Prometheus
	$(VENV)/bin/python -m bench.fleet $(ARGS)

image-size: $(VENV)/test ## what takes the space in the monitor's image, as the test bed last built it
	$(VENV)/bin/python deploy/image_size.py $${TESTBED_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/bootstrap-monitor-tests}/images/bootstrap-monitor/1

format: $(VENV)/test ## put the code into its form
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

# The image has no extra: in a pod there is no kubeconfig to read.
# Extras of packages are kept: an older pip takes `coverage[toml]` for another requirement than a pinned `coverage`.
COMPILE = $(VENV)/bin/uv pip compile --quiet --no-strip-extras --generate-hashes --no-header --python-version 3.11
lock: $(VENV)/test ## pin the newest dependencies by their hashes
	$(VENV)/bin/pip install --quiet uv
	$(COMPILE) --upgrade --extra kubeconfig pyproject.toml -o requirements.txt
	$(COMPILE) --upgrade --extra kubeconfig --group lint --group test pyproject.toml -o requirements-dev.txt
	$(COMPILE) --no-annotate --constraint requirements.txt pyproject.toml -o requirements-image.txt
	sed -n '/^requires = /s/.*\["\(.*\)"\]/\1/p' pyproject.toml | \
	  $(COMPILE) --upgrade --no-annotate -o requirements-build.txt -

clean: ## remove what was made here
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage build dist *.egg-info

$(VENV)/bin/python:
	@command -v $(PYTHON) > /dev/null || { echo "no $(PYTHON) here: install the package python3 (3.11 or newer)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is older than 3.11: install a newer one, and name it: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null \
	  || { echo "$(PYTHON) cannot make virtual environments: install the package python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# Prints a dot each second; if it fails, what pip said.
INSTALL = printf 'setting up $(VENV), once '; \
  $(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $(1) > $(VENV)/pip.log 2>&1 & pip=$$!; \
  while kill -0 $$pip 2> /dev/null; do printf .; sleep 1; done; echo; \
  wait $$pip || { cat $(VENV)/pip.log >&2; exit 1; }

$(VENV)/demo: requirements.txt | $(VENV)/bin/python
	@$(call INSTALL,requirements.txt)
	@touch $@

$(VENV)/test: requirements-dev.txt | $(VENV)/bin/python
	@$(call INSTALL,requirements-dev.txt)
	@touch $@

# Each target does all of its own set-up on a machine that has git, cargo and make.

# Tests that keep a server busy.
HEAVY = shape:: rule_scenes:: duplicates:: real_broker:: at_size::
# Tests that tell of moments: what happens to them must be seen in time.
TIMED = transactions:: lock_waits:: integrations::

.PHONY: help demo test e2e pictures lint lint-deploy bench test-matrix deny

help:
	@echo "make demo         a throw-away PostgreSQL, a made-up ERP under load, and the agent"
	@echo "                  (ARGS=\"--seconds 60\" ends by itself; see erpscope demo --help)"
	@echo "make test         all tests, on a real PostgreSQL"
	@echo "make e2e          the demo with a real Prometheus and Alertmanager: pages, alerts, panels"
	@echo "make pictures     the dashboards with the demo's data, drawn, in docs/dashboards/"
	@echo "make lint         format, clippy, documentation, shell scripts"
	@echo "make lint-deploy  what is in deploy/, by its own tools"
	@echo "make bench        what the agent costs, with figures"
	@echo "make test-matrix  the integration tests on PostgreSQL 13 to 18 (VERSIONS=\"15 18\" for some)"
	@echo "make deny         licences and advisories of the dependencies (needs cargo-deny)"

demo:
	@deploy/install-deps.sh run
	cargo build --release --locked --quiet
	@target/release/erpscope demo $(ARGS)

test:
	@deploy/install-deps.sh test
	cargo test --locked --lib --bins
	RUST_TEST_THREADS=6 cargo test --locked --test it -- --skip advise_ --skip demo_findings $(patsubst %,--skip %,$(HEAVY) $(TIMED))
	RUST_TEST_THREADS=4 cargo test --locked --test it -- $(TIMED)
	@# By themselves: they load the machine.
	cargo test --locked --test it -- advise_ $(HEAVY)
	cargo test --locked --test it -- demo_findings

# Of the release's program, unless ERPSCOPE names another.
e2e:
	@deploy/install-deps.sh test
	[ -n "$$ERPSCOPE" ] || cargo build --release --locked --quiet
	for part in readme alerts panels scale; do python3 tests/e2e/$$part.py || exit 1; done

# Some minutes of the demo, then its dashboards as pictures in docs/dashboards/.
pictures:
	@deploy/install-deps.sh pictures
	cargo build --release --locked --quiet
	cd tests/render && npx vite build --logLevel error && node types.mjs
	python3 tests/render/pictures.py

lint:
	@deploy/install-deps.sh run
	@cargo fmt --version >/dev/null 2>&1 || { echo "rustfmt is missing: rustup component add rustfmt"; exit 1; }
	@cargo clippy --version >/dev/null 2>&1 || { echo "clippy is missing: rustup component add clippy"; exit 1; }
	cargo fmt --check
	cargo clippy --locked --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --quiet
	for script in deploy/*.sh .ci/run; do bash -n $$script || exit 1; done

lint-deploy:
	@deploy/install-deps.sh deploy
	cargo build --locked --quiet
	target/deploy/bin/python tests/deploy/check.py

bench:
	@deploy/install-deps.sh bench
	cargo bench --locked --bench $(or $(BENCH),cost) -- $(ARGS)

test-matrix:
	@deploy/install-deps.sh matrix
	deploy/pg-matrix.sh

deny:
	@cargo deny --version >/dev/null 2>&1 || { echo "cargo-deny is missing: cargo install --locked cargo-deny"; exit 1; }
	cargo deny check

# Two commands for a fresh Debian-like machine with a Rust toolchain:
#   make demo              the whole product in a temporary folder (make demo ARGS=--exit: no pauses)
#   make test              all tests
# And one to use it: sudo make install

BUILD_PACKAGES = gcc libc6-dev pkg-config libssl-dev libclang-dev
TEST_PACKAGES = dovecot-imapd postfix gnupg sq neomutt systemd openssl python3-venv
NEXTEST = 0.9.143
DENY = 0.20.2

PREFIX = /usr/local
ARGS =

.PHONY: demo test reliability deny advisories build install build-packages test-packages nextest python

demo: build
	@cargo run --quiet --locked -- demo $(ARGS)

# Tests that take a folder of mail find it in VIGIE_CORPUS.
test: build-packages test-packages nextest python
	cargo nextest run --locked

# The end of the process at every step, and at random while MAILS mails pour in; prints what was lost and doubled.
MAILS = 10000
reliability: build-packages test-packages nextest
	VIGIE_KILL_MAILS=$(MAILS) cargo nextest run --locked --test crash --no-capture

# Licences, sources and bans of all that is linked in.
deny:
	@cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny --version $(DENY)
	cargo deny --locked check licenses bans sources

# Known faults of it; wants the database of advisories, from the network.
advisories:
	@cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny --version $(DENY)
	cargo deny --locked check advisories

build: build-packages
	@cargo build --locked

# Into PREFIX, with the unit and its user; for a package, set DESTDIR.
install:
	@test -x target/release/vigie || { echo "First, as yourself: cargo build --release --locked" >&2; exit 1; }
	install -D -m 755 target/release/vigie $(DESTDIR)$(PREFIX)/bin/vigie
	for unit in vigie.service vigie-keeper.service vigie-keeper.socket; do \
		install -D -m 644 systemd/$$unit $(DESTDIR)/etc/systemd/system/$$unit; done
	install -D -m 644 systemd/sysusers.d/vigie.conf $(DESTDIR)/usr/lib/sysusers.d/vigie.conf
	install -D -m 644 config.example.toml $(DESTDIR)$(PREFIX)/share/doc/vigie/config.example.toml
	install -D -m 644 docs/operators.md $(DESTDIR)$(PREFIX)/share/doc/vigie/operators.md
	@if [ -z "$(DESTDIR)" ]; then systemd-sysusers /usr/lib/sysusers.d/vigie.conf && systemctl daemon-reload; fi

build-packages:
	@command -v cargo >/dev/null || { echo "No cargo here: install Rust, see https://rustup.rs" >&2; exit 1; }
	@.ci/packages $(BUILD_PACKAGES)

test-packages:
	@.ci/packages $(TEST_PACKAGES)

nextest:
	@cargo nextest --version >/dev/null 2>&1 || cargo install --locked cargo-nextest --version $(NEXTEST)

# What tests compare with: a virtual environment of their own.
python: test-packages target/python/.done

target/python/.done: tests/requirements.txt
	python3 -m venv target/python
	target/python/bin/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@

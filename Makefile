# make         builds the command and the C libraries; installs nothing
# make demo    installs what is missing, builds, converts the sample tables
# make check   installs what is missing, runs every test
# make install installs the command and the C libraries (packaging/install.mk)
# make help    the rest

CARGO ?= cargo
NDSHM = target/release/ndshm
DEMO = target/demo
DATA = tests/data
VENV = target/check-venv
BENCH_VENV = target/bench-venv
METHYLATION = chr:S10,pos:i4,pct:f4,c:i4,t:i4

# Where an MPI flavour of HDF5 is installed, too, pkg-config may name that one.
ifneq (,$(findstring mpi,$(shell pkg-config --cflags hdf5 2>/dev/null)))
export HDF5_DIR ?= /usr/lib/$(shell gcc -print-multiarch)/hdf5/serial
endif

.PHONY: all help setup setup-tests build demo check check-static wheel check-wheel torture lint bench clean deny fuzz loom

.DEFAULT_GOAL = all

include packaging/install.mk

all: $(NDSHM) lib

help:
	@echo 'make          build the command and the C libraries, to be installed'
	@echo 'make demo     install what is missing, build, convert the sample tables'
	@echo 'make check    install what is missing, run every test'
	@echo 'make build    build the release command, $(NDSHM)'
	@echo 'make lib      build the C libraries, target/lib/libndshm.so and libndshm.a'
	@echo 'make install  install command, libraries, headers, manual: PREFIX= DESTDIR= LIBDIR='
	@echo 'make check-static  runs the tests of HDF5 files with the HDF5 2 that is built for it'
	@echo 'make wheel    build the Python package, with an HDF5 of its own; make check-wheel tests it'
	@echo 'make torture  kill, stop and fail it at every call, for minutes (SECONDS=60)'
	@echo 'make lint     formatting, clippy, documentation, layering'
	@echo 'make loom     every order of the steps of a creator and its waiters (a minute)'
	@echo 'make fuzz     bytes from anywhere, for FUZZ_SECONDS each (nightly Rust and cargo-fuzz)'
	@echo 'make deny     licences, sources and known faults of the dependencies (cargo-deny)'
	@echo 'make bench    time ndshm beside other tools, write docs/performance.md (long; some GB of disk);'
	@echo '              make bench BENCH=--quick: small data, in minutes, into target/bench-out'
	@echo 'make clean    remove what was built'

setup:
	@.ci/setup

setup-tests:
	@.ci/setup --tests

build: setup
	$(CARGO) build --release

demo: build
	@rm -rf $(DEMO) && mkdir -p $(DEMO)
	@echo
	@echo '== Two tables of methylation calls, a dataset each'
	@set -x; $(NDSHM) convert $(DATA)/sample_a.tsv $(DATA)/sample_b.tsv -o $(DEMO)/methylation.h5 \
	  --dtype "[('chr','S10'),('pos','<i4'),('pct','<f4'),('c','<i4'),('t','<i4')]"
	@echo
	@echo '== A climate grid, a two-dimensional dataset'
	@set -x; $(NDSHM) convert $(DATA)/climate_grid.csv -o $(DEMO)/climate.h5 --dtype f8 --delimiter ,
	@echo
	@echo '== A table in shared memory, open to every process by its name'
	@$(NDSHM) rm ndshm-demo 2>/dev/null || true
	@set -x; $(NDSHM) load $(DATA)/sample_a.tsv --name ndshm-demo --dtype '$(METHYLATION)'
	@set -x; $(NDSHM) ls
	@set -x; $(NDSHM) head ndshm-demo -n 5
	@set -x; $(NDSHM) rm ndshm-demo
	@echo
	@echo 'The files: $(CURDIR)/$(DEMO)/methylation.h5'
	@echo '           $(CURDIR)/$(DEMO)/climate.h5'
	@echo 'Read them with: python3 -c "import h5py; print(h5py.File('"'$(DEMO)/methylation.h5'"')['"'sample_a'"'][:3])"'

$(VENV)/.done: tests/requirements.txt tests/requirements-readers.txt python/tests/requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r tests/requirements-readers.txt \
	  || echo 'setup: not all other readers of HDF5 files can be had here'
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r python/tests/requirements.txt \
	  -c tests/requirements.txt \
	  || echo 'setup: not all packages that take arrays can be had here'
	@touch $@

# What of the tests drives Python needs the library, and what is compared with NumPy 2.4 its
# package, which carries NumPy's own tests.
LOADTXT = NDSHM_LIBRARY=$(CURDIR)/$(LIB)/libndshm.so.$(LIBRARY_VERSION) $(VENV)/bin/python -B

# It ends with what was skipped, which in CI must be in tests/skipped.allowed. What a backtrace
# needs stays in memory, and makes each fork after a panic slower: tests that panic are many.
check: export RUST_BACKTRACE = 0
check: setup-tests $(VENV)/.done lib
	@rm -f target/skipped.txt
	$(CARGO) build --release
	NDSHM_PYTHON=$(CURDIR)/$(VENV)/bin/python NDSHM_COMMAND=$(CURDIR)/$(NDSHM) \
	  NDSHM_LIBRARIES=$(CURDIR)/$(LIB) $(CARGO) test --features capi,ndarray
	NDSHM_PYTHON=$(CURDIR)/$(VENV)/bin/python $(CARGO) test --release --lib text::
	$(CARGO) build --no-default-features --lib
	$(VENV)/bin/python -B tests/data/make_samples.py --check
	$(VENV)/bin/python -B tests/data/make_segment.py --check
	$(VENV)/bin/python -B tests/differential.py --ndshm $(NDSHM) --cases 2000 --seed 1
	$(LOADTXT) tests/numpy_suite.py
	$(LOADTXT) tests/numpy_suite.py --kw workers=4,chunk_bytes=64
	$(LOADTXT) tests/differential_loadtxt.py --cases 20000 --seed 1 --quiet
	$(LOADTXT) tests/python_arrays.py
	$(LOADTXT) -m pytest -q -p no:cacheprovider python/tests
	$(VENV)/bin/python -B -m pytest -q -p no:cacheprovider benches/tests
	NDSHM_LIBRARY=$(CURDIR)/$(LIB)/libndshm.so.$(LIBRARY_VERSION) NDSHM_COMMAND=$(CURDIR)/$(NDSHM) \
	  tests/node/run.sh
	@.ci/skipped

# The other HDF5 that files are written by: the crate brings its source, the newest there is.
# That takes longer to build than a change may wait for, in a folder of its own (CMake comes
# from PyPI if the system's is too old), so it is no part of `make check`.
STATIC_TESTS = hdf5 layouts crash crash_exchange hostile_shards cli append exchange join jobs r

check-static: setup-tests $(VENV)/.done
	cmake=$$(.ci/cmake) && env -u HDF5_DIR CMAKE=$$cmake \
	  NDSHM_PYTHON=$(CURDIR)/$(VENV)/bin/python $(CARGO) test --target-dir target/static \
	  --features capi,static-hdf5 --config profile.dev.package.hdf5-metno-src.opt-level=3 \
	  --lib $(STATIC_TESTS:%=--test %)

# The wheel, which serves every Python from 3.9 on: minutes for HDF5 at first, seconds later on. It
# is tested as it is installed, without the library that the other tests use.
wheel: $(VENV)/.done
	rm -rf target/wheels
	$(VENV)/bin/pip wheel --quiet --disable-pip-version-check --no-deps -w target/wheels ./python

check-wheel: wheel
	python3 -m venv --clear target/wheel-venv
	target/wheel-venv/bin/pip install --quiet --disable-pip-version-check pytest h5py target/wheels/*.whl
	env -u NDSHM_LIBRARY NDSHM_INSTALLED=1 target/wheel-venv/bin/python -B -m pytest -q \
	  -p no:cacheprovider python/tests

# The long forms of what `make check` runs for some seconds: every error at every
# call, storms of SECONDS, 100,000 rounds; then the tests of segments where mappings
# seem to carry no locks.
SECONDS ?= 60
SHIM = target/tmp/kill_shim.so

torture: setup-tests
	NDSHM_TORTURE=$(SECONDS) $(CARGO) test --features capi --test torture -- --nocapture
	NDSHM_TORTURE=$(SECONDS) $(CARGO) test --features capi --test crash
	$(CARGO) build --release
	NDSHM_TORTURE=$(SECONDS) NDSHM_COMMAND=$(CURDIR)/$(NDSHM) $(CARGO) test --features capi \
	  --test memory_tree -- --nocapture
	LD_PRELOAD=$(CURDIR)/$(SHIM) SHIM_FAULTS=1 $(CARGO) test --features capi --test segment \
	  --test processes --test policies -- --skip attached_segments_need_no_descriptors --skip anonymous

lint: setup
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --features capi,ndarray -- -D warnings
	$(CARGO) clippy --lib --no-default-features -- -D warnings
	$(CARGO) clippy --lib --no-default-features --features std -- -D warnings
	$(CARGO) clippy --lib --no-default-features --features capi -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --no-deps --lib --features capi,ndarray
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --no-deps --lib --no-default-features \
	  --features std,capi,ndarray # as docs.rs does, which has no HDF5
	.ci/layers

# What the bench is asked for: BENCH=--quick, BENCH='--only hdf5 --runs 9'. Its own help: BENCH=--help
BENCH ?=

$(BENCH_VENV)/.done: benches/pipeline/requirements.txt
	python3 -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/pip install --quiet --disable-pip-version-check -r $< \
	  || for one in $$(grep -v '^#' $<); do \
	    $(BENCH_VENV)/bin/pip install --quiet --disable-pip-version-check $$one \
	      || echo "bench: $$one cannot be had here"; \
	  done
	@touch $@

bench: setup-tests build $(LIB)/libndshm.so.$(LIBRARY_VERSION) $(BENCH_VENV)/.done
	PYTHONPATH=benches CARGO='$(CARGO)' $(BENCH_VENV)/bin/python -B -m pipeline \
	  --library $(CURDIR)/$(LIB)/libndshm.so.$(LIBRARY_VERSION) $(BENCH)

# A model checker on the code that publishes and waits. --cfg loom builds everything anew, so
# it has a folder of its own.
loom:
	RUSTFLAGS='--cfg loom' $(CARGO) test --target-dir target/loom --test loom \
	  --no-default-features --features std

# The same checks as tests/untrusted.rs, on what libFuzzer thinks of. What it finds goes to
# fuzz/artifacts, what it learned to fuzz/corpus; fuzz/seeds is what it begins with.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= header dtype text_row reaping array text_block infer unpack decode options

fuzz:
	@$(CARGO) +nightly --version >/dev/null 2>&1 \
	  || { echo 'needs a nightly Rust: rustup toolchain install nightly'; exit 1; }
	@$(CARGO) fuzz --version >/dev/null 2>&1 \
	  || { echo 'needs cargo-fuzz: cargo install cargo-fuzz'; exit 1; }
	@set -e; for target in $(FUZZ_TARGETS); do \
	  mkdir -p fuzz/corpus/$$target; \
	  $(CARGO) +nightly fuzz run $$target fuzz/corpus/$$target fuzz/seeds/$$target -- \
	    -max_total_time=$(FUZZ_SECONDS) -max_len=4096; \
	done

# The list of known faults comes from its own repository; without a network: make deny DENY='licenses bans sources'.
DENY ?=

deny:
	@$(CARGO) deny --version >/dev/null 2>&1 \
	  || { echo 'needs cargo-deny: cargo install --locked cargo-deny'; exit 1; }
	$(CARGO) deny check $(DENY)

clean:
	$(CARGO) clean

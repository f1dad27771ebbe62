# The C libraries and what is installed; included by the Makefile.
#
#     make lib
#     make install PREFIX=/usr DESTDIR=/tmp/package LIBDIR=/usr/lib/x86_64-linux-gnu
#     make uninstall PREFIX=...
#
# Builds without the network once cargo has fetched what Cargo.lock names (cargo fetch --locked).
# Nothing is stripped, and ldconfig is run only where files went to their final place.
# PROFILE=dev builds faster; BUILD is where; COMMAND a command that is built already.

PREFIX ?= /usr/local
EXEC_PREFIX ?= $(PREFIX)
BINDIR ?= $(EXEC_PREFIX)/bin
LIBDIR ?= $(EXEC_PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man
DOCDIR ?= $(DATADIR)/doc/ndshm
PKGCONFIGDIR ?= $(LIBDIR)/pkgconfig
CMAKEDIR ?= $(LIBDIR)/cmake/ndshm
BASHDIR ?= $(DATADIR)/bash-completion/completions
ZSHDIR ?= $(DATADIR)/zsh/site-functions
FISHDIR ?= $(DATADIR)/fish/vendor_completions.d
DESTDIR ?=
INSTALL ?= install
READELF ?= readelf

PROFILE ?= release
BUILD ?= target
COMMAND ?= $(NDSHM)
PROFILE_DIR = $(if $(filter dev,$(PROFILE)),debug,$(PROFILE))
LIB = $(BUILD)/lib

# A crate's version; the binary interface's number; and the file's, which begins with it.
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n1)
ABI := $(shell sed -n 's/^\#define NDSHM_ABI_VERSION //p' include/ndshm.h)
LIBRARY_VERSION := $(shell sed -n '/^\[package.metadata.capi.library\]/,/^version/s/^version = "\(.*\)"/\1/p' Cargo.toml)
ifneq ($(ABI),$(firstword $(subst ., ,$(LIBRARY_VERSION))))
$(error the library's version $(LIBRARY_VERSION) in Cargo.toml is not of NDSHM_ABI_VERSION $(ABI))
endif

# What Rust's standard library needs; rustc names it with --print native-static-libs.
LIBS_PRIVATE = -lgcc_s -lutil -lrt -lpthread -lm -ldl
# The .pc file that hdf5-sys found, or plain -lhdf5 where there is none.
HDF5_PC := $(firstword $(foreach pc,$(if $(findstring serial,$(HDF5_DIR)),hdf5-serial) hdf5,$(shell pkg-config --exists $(pc) 2>/dev/null && echo $(pc))))

SOURCES := $(shell find src -name '*.rs') Cargo.toml Cargo.lock build.rs
LIBRARIES = ndshm ndshm-core
SHARED = $(LIBRARIES:%=$(LIB)/lib%.so.$(LIBRARY_VERSION))
STATIC = $(LIBRARIES:%=$(LIB)/lib%.a)
MANUALS = $(wildcard docs/man/*.1)
COMPLETIONS = $(BASHDIR)/ndshm $(ZSHDIR)/_ndshm $(FISHDIR)/ndshm.fish
DOCUMENTS = README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT docs/c.md docs/lifetime.md

.PHONY: lib install uninstall

lib: $(SHARED) $(STATIC)

comma := ,

# $(1) the library, $(2) its features. Each is built in a folder of its own: cargo gives both the
# same file name.
define library
$(LIB)/lib$(1).so.$(LIBRARY_VERSION): $(SOURCES)
	$(CARGO) rustc --lib --profile $(PROFILE) --target-dir $(BUILD)/c-$(1) \
	  --no-default-features --features $(2) --crate-type staticlib,cdylib \
	  -- -C link-arg=-Wl,-soname,lib$(1).so.$(ABI)
	@mkdir -p $(LIB)
	cp $(BUILD)/c-$(1)/$(PROFILE_DIR)/libndshm.so $$@
	ln -sf lib$(1).so.$(LIBRARY_VERSION) $(LIB)/lib$(1).so.$(ABI)
	ln -sf lib$(1).so.$(ABI) $(LIB)/lib$(1).so

$(LIB)/lib$(1).a: $(LIB)/lib$(1).so.$(LIBRARY_VERSION) packaging/hide-symbols
	packaging/hide-symbols $(BUILD)/c-$(1)/$(PROFILE_DIR)/libndshm.a $$@
endef
$(eval $(call library,ndshm,hdf5$(comma)compress$(comma)capi))
$(eval $(call library,ndshm-core,std$(comma)capi))

$(NDSHM): $(SOURCES)
	$(CARGO) build --release --bin ndshm
	@touch $@

# A folder as the .pc file says it: from its prefix, where it is below that.
below = $(patsubst $(PREFIX)/%,$$\{$(1)\}/%,$(2))
FILL = sed \
  -e 's|@prefix@|$(PREFIX)|' \
  -e 's|@libdir@|$(call below,exec_prefix,$(LIBDIR))|' \
  -e 's|@includedir@|$(call below,prefix,$(INCLUDEDIR))|' \
  -e 's|@version@|$(VERSION)|' \
  -e 's|@version_major@|$(word 1,$(subst ., ,$(VERSION)))|' \
  -e 's|@version_minor@|$(word 2,$(subst ., ,$(VERSION)))|' \
  -e 's|@abi@|$(ABI)|' \
  -e 's|@library_version@|$(LIBRARY_VERSION)|' \
  -e 's|@pointer_bytes@|$(shell expr $$(getconf LONG_BIT) / 8)|' \
  -e 's|@includedir_from_libdir@|$(shell realpath -m --relative-to=$(LIBDIR) $(INCLUDEDIR))|' \
  -e 's|@libs_private@|$(LIBS_PRIVATE)|' \
  -e 's|@hdf5_requires@|$(HDF5_PC)|' \
  -e 's|@hdf5_libs@|$(if $(HDF5_PC),,-lhdf5 )|' \
  -e 's|@cmake_hdf5@|$(if $(findstring serial,$(HDF5_PC)),hdf5_serial hdf5,hdf5 hdf5_serial)|' \
  -e 's|@cmake_libs@|$(filter-out pthread,$(LIBS_PRIVATE:-l%=%))|' \
  -e '/^Requires.private: *$$/d'

install: lib $(COMMAND)
	$(INSTALL) -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBDIR) $(DESTDIR)$(INCLUDEDIR) \
	  $(DESTDIR)$(PKGCONFIGDIR) $(DESTDIR)$(CMAKEDIR) $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(DOCDIR)
	$(INSTALL) -m 755 $(COMMAND) $(DESTDIR)$(BINDIR)/ndshm
	$(INSTALL) -m 644 include/ndshm.h include/ndshm.hpp $(DESTDIR)$(INCLUDEDIR)
	$(INSTALL) -m 755 $(SHARED) $(DESTDIR)$(LIBDIR)
	$(INSTALL) -m 644 $(STATIC) $(DESTDIR)$(LIBDIR)
	for lib in $(LIBRARIES); do \
	  ln -sf lib$$lib.so.$(LIBRARY_VERSION) $(DESTDIR)$(LIBDIR)/lib$$lib.so.$(ABI) && \
	  ln -sf lib$$lib.so.$(ABI) $(DESTDIR)$(LIBDIR)/lib$$lib.so && \
	  $(FILL) packaging/$$lib.pc.in >$(DESTDIR)$(PKGCONFIGDIR)/$$lib.pc && \
	  chmod 644 $(DESTDIR)$(PKGCONFIGDIR)/$$lib.pc || exit 1; \
	done
	for file in ndshm-config.cmake ndshm-config-version.cmake; do \
	  $(FILL) packaging/$$file.in >$(DESTDIR)$(CMAKEDIR)/$$file && \
	  chmod 644 $(DESTDIR)$(CMAKEDIR)/$$file || exit 1; \
	done
	$(INSTALL) -m 644 $(MANUALS) $(DESTDIR)$(MANDIR)/man1
	$(INSTALL) -m 644 $(DOCUMENTS) $(DESTDIR)$(DOCDIR)
	$(INSTALL) -d $(DESTDIR)$(BASHDIR) $(DESTDIR)$(ZSHDIR) $(DESTDIR)$(FISHDIR)
	$(COMMAND) completions bash >$(DESTDIR)$(BASHDIR)/ndshm
	$(COMMAND) completions zsh >$(DESTDIR)$(ZSHDIR)/_ndshm
	$(COMMAND) completions fish >$(DESTDIR)$(FISHDIR)/ndshm.fish
	chmod 644 $(COMPLETIONS:%=$(DESTDIR)%)
	@if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" = 0 ]; then ldconfig || true; fi

uninstall:
	rm -f $(DESTDIR)$(BINDIR)/ndshm
	rm -f $(addprefix $(DESTDIR)$(INCLUDEDIR)/,ndshm.h ndshm.hpp)
	for lib in $(LIBRARIES); do \
	  rm -f $(DESTDIR)$(LIBDIR)/lib$$lib.a $(DESTDIR)$(LIBDIR)/lib$$lib.so \
	    $(DESTDIR)$(LIBDIR)/lib$$lib.so.$(ABI) $(DESTDIR)$(LIBDIR)/lib$$lib.so.$(LIBRARY_VERSION) \
	    $(DESTDIR)$(PKGCONFIGDIR)/$$lib.pc || exit 1; \
	done
	rm -f $(addprefix $(DESTDIR)$(CMAKEDIR)/,ndshm-config.cmake ndshm-config-version.cmake)
	rm -f $(addprefix $(DESTDIR)$(MANDIR)/man1/,$(notdir $(MANUALS)))
	rm -f $(addprefix $(DESTDIR)$(DOCDIR)/,$(notdir $(DOCUMENTS)))
	rm -f $(COMPLETIONS:%=$(DESTDIR)%)
	-rmdir $(DESTDIR)$(CMAKEDIR) $(DESTDIR)$(DOCDIR) 2>/dev/null
	@if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" = 0 ]; then ldconfig || true; fi

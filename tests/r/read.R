# Reads what tests/r.rs has had converted, and compares it with the text as R itself reads it.
# Argument: the folder. It ends with an error at the first value that differs.
suppressMessages(library(rhdf5))
setwd(commandArgs(trailingOnly = TRUE)[1])
options(warn = 2)

columns <- c("name", "i", "x", "ok", "colour", "big", "day", "word", "letter")
text <- read.table("t.txt", col.names = columns, encoding = "UTF-8", colClasses = c(
  "character", "integer", "numeric", "integer", "character", "numeric", "Date", "character",
  "character"))

same <- function(got, wanted) {
  got <- as.vector(got)
  if (is.character(got)) Encoding(got) <- "UTF-8"
  if (!identical(got, wanted)) {
    str(got)
    str(wanted)
    stop("these differ")
  }
}

# What a table holds, as a data.frame or as a list of its columns.
same_columns <- function(got, colours) {
  same(got$name, text$name)
  same(got$i, text$i)
  same(got$x, text$x)
  stopifnot(is.factor(got$ok), identical(levels(got$ok), c("FALSE", "TRUE")))
  same(as.integer(got$ok), text$ok + 1L)
  if (is.null(colours)) {
    same(got$colour, text$colour)
  } else {
    stopifnot(is.factor(got$colour), identical(levels(got$colour), colours))
    same(as.character(got$colour), text$colour)
  }
  same(got$big, text$big)
  same(format(as.Date(as.vector(got$day), origin = "1970-01-01")), format(text$day))
  same(got$word, text$word)
  same(got$letter, text$letter)
}

tables <- function() {
  for (file in c("block.h5", "chunks.h5", "gzip.h5")) {
    table <- h5read(file, "t", bit64conversion = "double")
    stopifnot(is.data.frame(table), identical(names(table), columns))
    same_columns(table, NULL)
  }
  same(h5readAttributes("block.h5", "t")$day.units, "days since 1970-01-01T00:00:00")
  same(h5readAttributes("block.h5", "t")$x.units, "metres")
  same(h5readAttributes("block.h5", "t")$title, "Gr\u00f6\u00dfe")
}

columns_of_a_group <- function() {
  for (file in c("columns.h5", "columns-gzip.h5")) {
    list <- h5read(file, "t", bit64conversion = "double")
    stopifnot(setequal(names(list), columns))
    same_columns(list, NULL)
    same(h5read(file, "t/x", index = list(3:5)), text$x[3:5])
    same(h5readAttributes(file, "t/day")$units, "days since 1970-01-01T00:00:00")
  }
}

categories <- function() {
  table <- h5read("category.h5", "t", bit64conversion = "double")
  same_columns(table, c("red", "green", "blue"))
  list <- h5read("category-columns.h5", "t", bit64conversion = "double")
  same_columns(list, c("blue", "green", "red"))
}

# An empty text has no label: R has a factor then that is not one of its own until it is mended.
no_category <- function() {
  colour <- as.vector(h5read("empty.h5", "e")$colour)
  codes <- as.integer(h5read("empty.h5", "e")$colour)
  same(codes, c(1L, 0L, 2L))
  mended <- factor(levels(h5read("empty.h5", "e")$colour)[replace(codes, codes == 0, NA)])
  same(as.character(mended), c("red", NA, "blue"))
}

joined <- function() {
  table <- h5read("joined.h5", "data", bit64conversion = "double")
  half <- nrow(text)
  same_columns(table[seq_len(half), ], NULL)
  same_columns(table[half + seq_len(half), ], NULL)
}

# HDF5's last axis is R's first.
grids <- function() {
  wanted <- as.matrix(read.table("g.txt"))
  for (file in c("grid.h5", "grid-gzip.h5")) {
    got <- h5read(file, "g")
    stopifnot(identical(dim(got), rev(dim(wanted))))
    stopifnot(all(t(got) == wanted))
  }
  same(suppressWarnings(h5readAttributes("grid.h5", "g"))$DIMENSION_LABELS, c("lat", "lon"))
  same(h5read("grid.h5", "lat"), as.numeric(seq_len(nrow(wanted)) - 1))
  cube <- h5read("cube.h5", "c")
  stopifnot(identical(dim(cube), c(rev(dim(wanted)), 3L)))
  for (i in 1:3) stopifnot(all(t(cube[, , i]) == wanted))
}

numbers <- function() {
  wanted <- rep(0:4, 20)
  for (type in c("i1", "i2", "i4", "i8", "u2", "u4", "u8", "f2", "f4", "f8", "big-f8", "big-i4")) {
    same(as.integer(h5read("numbers.h5", type)), wanted)
  }
  # One byte without a sign is a raw in R.
  same(as.integer(h5read("numbers.h5", "u1")), wanted)
  same(h5read("numbers.h5", "i8", bit64conversion = "double"), as.numeric(wanted))
}

complex_numbers <- function() {
  real <- as.numeric(0:19) + 0.5
  imaginary <- as.numeric(0:19) * 2
  plain <- h5read("complex.h5", "c", compoundAsDataFrame = FALSE)
  same(plain$r, real)
  same(plain$i, imaginary)
  record <- h5read("record.h5", "r", compoundAsDataFrame = FALSE)
  same(record$i, 0:19)
  same(record$z$r, real)
  same(record$z$i, imaginary)
  stopifnot(identical(dim(record$p), c(2L, 20L)))
  same(record$p[2, ], as.numeric(0:19) * 4)
  column <- h5read("record-columns.h5", "r/z")
  same(column$r, real)
  same(column$i, imaginary)
}

# Values that R's own integers cannot hold, as `bit64conversion` tells.
large_integers <- function() {
  big <- h5read("block.h5", "t", bit64conversion = "double")$big
  stopifnot(max(big) > 2^40, min(big) < 0)
}

exported <- function() {
  same_columns(h5read("exported.h5", "x", bit64conversion = "double"), NULL)
}

for (case in c("tables", "columns_of_a_group", "categories", "no_category", "joined", "grids",
               "numbers", "complex_numbers", "large_integers", "exported")) {
  get(case)()
  cat(case, "ok\n")
}

"""The version, as the package's metadata have it from here: to ask those for it takes a tenth of a start."""

VERSION = "0.1.0"

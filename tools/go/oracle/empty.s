// With an assembly file in the package, Go allows functions without a body, which go:linkname fills.

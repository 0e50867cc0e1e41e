"""Tests of a curve's shape, with the sources of their methods."""

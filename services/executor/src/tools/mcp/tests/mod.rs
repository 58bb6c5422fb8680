//! Servers nobody would write, and some that are as they should be.

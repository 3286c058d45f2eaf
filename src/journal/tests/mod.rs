//! Tests of what only the journal itself can see.

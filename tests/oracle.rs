//! Live results against the naive evaluator.

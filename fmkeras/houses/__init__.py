"""House prices: tables, the linear model's mathematics, the trained regressor, its options and its report."""

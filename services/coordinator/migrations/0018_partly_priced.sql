-- Of some of what a run called nobody knows the price: usd_micros is what is known of it, and what budgets count.

ALTER TABLE cost ADD COLUMN partly_priced boolean NOT NULL DEFAULT false;

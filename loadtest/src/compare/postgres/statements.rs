//! The statements. Every step is asked for under the order's id and does nothing when it was done before.

use super::Step;

/// States of orders are 0 to 3, as the steps. Rows of stock have room on their page, so that an update needs no new
/// entry in an index.
pub(super) const TABLES: &str = "
DROP TABLE IF EXISTS orders, stock;
CREATE TABLE stock (
    sku integer PRIMARY KEY,
    received bigint NOT NULL,
    available bigint NOT NULL CHECK (available >= 0),
    held bigint NOT NULL CHECK (held >= 0),
    shipped bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE orders (
    id text PRIMARY KEY,
    sku integer NOT NULL,
    state smallint NOT NULL
) WITH (fillfactor = 70);
";

/// The opening stock; behind the last SKU is one without any.
pub(super) const STOCK: &str = "
INSERT INTO stock
SELECT sku, units, units, 0, 0
FROM generate_series(0, $1::integer) AS sku,
     LATERAL (SELECT CASE WHEN sku < $1::integer THEN $2::bigint ELSE 0 END AS units) AS opening";

pub(super) const SETTLE: &str = "ANALYZE stock; CHECKPOINT;";

pub(super) const CLEAR: &str = "DROP TABLE orders, stock; CHECKPOINT;";

pub(super) const ORDERS: &str = "SELECT state, count(*) FROM orders GROUP BY state";

pub(super) const UNITS: &str = "SELECT sku, received, available, held, shipped FROM stock";

/// In a transaction: the order, which is there once under its id.
pub(super) const INSERT: &str =
    "INSERT INTO orders (id, sku, state) VALUES ($1, $2, 0) ON CONFLICT (id) DO NOTHING";

/// In a transaction, behind the order, so that the row that others wait for is locked as late as possible.
pub(super) const RESERVE: &str =
    "UPDATE stock SET available = available - 1, held = held + 1 WHERE sku = $1 AND available >= 1";

/// In a transaction: from the state before to this one.
pub(super) const ADVANCE: &str =
    "UPDATE orders SET state = $2::smallint WHERE id = $1 AND state = $2::smallint - 1";

/// In a transaction, behind the order that is shipped.
pub(super) const SHIP: &str =
    "UPDATE stock SET held = held - 1, shipped = shipped + 1 WHERE sku = $1 AND held >= 1";

/// As one statement: the order is there if, and only if, the stock could be had.
const PLACE_AT_ONCE: &str = "
WITH taken AS (
    UPDATE stock SET available = available - 1, held = held + 1
    WHERE sku = $2 AND available >= 1 AND NOT EXISTS (SELECT FROM orders WHERE id = $1)
    RETURNING sku
)
INSERT INTO orders (id, sku, state) SELECT $1, sku, 0 FROM taken";

const PAY_AT_ONCE: &str = "UPDATE orders SET state = 1 WHERE id = $1 AND sku = $2 AND state = 0";

/// The table's own check stands in for a condition: were there nothing held, all of it would fail.
const SHIP_AT_ONCE: &str = "
WITH left_now AS (
    UPDATE orders SET state = 2 WHERE id = $1 AND sku = $2 AND state = 1 RETURNING sku
)
UPDATE stock SET held = held - 1, shipped = shipped + 1
FROM left_now WHERE stock.sku = left_now.sku";

const DELIVER_AT_ONCE: &str = "UPDATE orders SET state = 3 WHERE id = $1 AND sku = $2 AND state = 2";

/// By the steps of a life.
pub(super) const AT_ONCE: [&str; 4] = [PLACE_AT_ONCE, PAY_AT_ONCE, SHIP_AT_ONCE, DELIVER_AT_ONCE];

/// Whether the order is there in this state or a later one.
pub(super) const SEEN: &str = "SELECT FROM orders WHERE id = $1 AND state >= $2::smallint";

/// The state that a step leads to.
pub(super) const fn state(step: Step) -> i16 {
    match step {
        Step::Place => 0,
        Step::Pay => 1,
        Step::Ship => 2,
        Step::Deliver => 3,
    }
}

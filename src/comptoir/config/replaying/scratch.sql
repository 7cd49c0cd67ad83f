-- name: tables
-- What was read so far, in a scratch file of its own that is removed at the end.
CREATE TABLE sold (
    row INTEGER PRIMARY KEY, source TEXT NOT NULL, receipt TEXT NOT NULL, number INTEGER NOT NULL, at INTEGER NOT NULL,
    store TEXT, customer TEXT, product TEXT NOT NULL, category TEXT, gtin TEXT, discount INTEGER,
    quantity INTEGER NOT NULL, minor INTEGER NOT NULL, currency TEXT NOT NULL, line INTEGER, quantity_left INTEGER, minor_left INTEGER
);
CREATE TABLE returned (
    row INTEGER PRIMARY KEY, source TEXT NOT NULL, receipt TEXT NOT NULL, at INTEGER NOT NULL,
    store TEXT, customer TEXT, product TEXT NOT NULL, quantity INTEGER NOT NULL, minor INTEGER NOT NULL,
    currency TEXT NOT NULL, sale_receipt TEXT, sold_row INTEGER
);
CREATE TABLE refused (row INTEGER PRIMARY KEY, reason TEXT NOT NULL, field TEXT, detail TEXT NOT NULL);

-- name: index_sold
-- Receipts are put together, and returns look for their sale.
CREATE INDEX sold_by_receipt ON sold (source, receipt, number, row);

-- name: refuse_duplicates
-- A row that says again what another row of the same receipt says.
INSERT INTO refused
SELECT row, 'duplicate_line', NULL, 'says the same as line ' || first FROM (
    SELECT row, min(row) OVER (
        PARTITION BY source, receipt, at, customer, product, category, gtin, discount, quantity, minor, currency
    ) AS first FROM sold
) WHERE row > first;

-- name: refuse_mixed_receipts
-- A receipt whose rows contradict each other about what belongs to the whole sale, or that has too many of them.
INSERT INTO refused
SELECT sold.row, mixed.reason, NULL, 'receipt ' || mixed.receipt FROM sold JOIN (
    SELECT source, receipt, CASE
        WHEN count(*) > :lines_max THEN 'too_many_lines'
        WHEN count(DISTINCT coalesce(customer, '')) > 1 THEN 'receipt_of_two_customers'
        WHEN count(DISTINCT currency) > 1 THEN 'receipt_of_two_currencies'
        WHEN count(DISTINCT coalesce(store, '')) > 1 THEN 'receipt_of_two_stores'
        WHEN abs(total(minor)) > :minor_max THEN 'amount_too_large'
    END AS reason FROM sold GROUP BY source, receipt
) AS mixed USING (source, receipt) WHERE mixed.reason IS NOT NULL;

-- name: forget_refused
-- What was refused takes no part in anything further.
DELETE FROM sold WHERE row IN (SELECT row FROM refused);

-- name: number_lines
-- The lines of a sale are counted from 1; the sale's time is that of its earliest row.
CREATE TABLE numbered AS
SELECT row,
    row_number() OVER (PARTITION BY source, receipt ORDER BY number, row) AS line,
    min(at) OVER (PARTITION BY source, receipt) AS at
FROM sold;
CREATE UNIQUE INDEX numbered_by_row ON numbered (row);
UPDATE sold SET line = numbered.line, at = numbered.at, quantity_left = quantity, minor_left = minor
FROM numbered WHERE numbered.row = sold.row;
DROP TABLE numbered;

-- name: index_customers
-- Returns look for the latest sale of an article to a customer.
CREATE INDEX sold_by_customer ON sold (customer, product, at, row) WHERE customer IS NOT NULL;

-- name: returns_in_order
-- Returns are matched in the order in which they happened.
SELECT row, source, receipt, at, customer, product, quantity, minor, currency, sale_receipt
FROM returned ORDER BY at, row;

-- name: sold_to_customer
-- What that customer has bought of the article before the return, the latest first.
SELECT row, quantity_left, minor_left, currency FROM sold
WHERE customer = :customer AND product = :product AND at <= :at ORDER BY at DESC, row DESC LIMIT :looked_at_max;

-- name: sold_on_receipt
-- What the receipt that a return names says of the article; the return's own source first.
SELECT row, quantity_left, minor_left, currency FROM sold
WHERE receipt = :sale_receipt AND product = :product
ORDER BY (source = :source) DESC, at DESC, row LIMIT :looked_at_max;

-- name: index_receipts
-- Returns look for a receipt, whichever source it is of.
CREATE INDEX sold_by_number ON sold (receipt, product);

-- name: take_back
-- What has been returned cannot be returned again.
UPDATE sold SET quantity_left = quantity_left - :quantity, minor_left = minor_left - :minor WHERE row = :row;

-- name: match
-- The return's row knows its sale's row.
UPDATE returned SET sold_row = :sold_row WHERE row = :row;

-- name: sales
-- Every sale with its lines, in the order of time.
SELECT at, source, receipt, row, store, customer, currency, product, category, quantity, minor, gtin, discount
FROM sold ORDER BY at, source, receipt, line;

-- name: returns
-- Every return with its lines, in the order of time; one return for each sale of which something came back.
SELECT min(returned.at) OVER (PARTITION BY returned.source, returned.receipt, sold.source, sold.receipt) AS at,
    returned.source, returned.receipt, returned.row, returned.store, returned.currency, sold.source, sold.receipt,
    sold.line, returned.quantity, returned.minor
FROM returned JOIN sold ON sold.row = returned.sold_row
ORDER BY 1, 2, 3, 7, 8, sold.line, returned.row;

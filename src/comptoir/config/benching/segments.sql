-- name: points
-- points() > 500: by hand.
SELECT
  person
FROM figures
GROUP BY
  person
HAVING
  BOOL_AND(CAST(allows_store AS BOOLEAN)) AND SUM(points) > 500;

-- name: recency
-- days_since_purchase() > 3 AND purchases_ever() >= 3: by hand.
SELECT
  person
FROM figures
GROUP BY
  person
HAVING
  BOOL_AND(CAST(allows_store AS BOOLEAN))
  AND CAST('2025-12-31' AS DATE) - MAX(last_day) > 3
  AND SUM(purchases) >= 3;

-- name: spend
-- spend(90) > 100: by hand.
SELECT
  f.person
FROM figures AS f
LEFT JOIN (
  SELECT
    customer,
    SUM(amount) AS s
  FROM lines
  WHERE
    day > CAST('2025-10-02' AS DATE) AND day <= CAST('2025-12-31' AS DATE)
  GROUP BY
    1
) AS l
  USING (customer)
GROUP BY
  f.person
HAVING
  BOOL_AND(CAST(allows_store AS BOOLEAN)) AND SUM(s) > 10000;

-- name: bought
-- bought('C3', 60): by hand.
SELECT
  f.person
FROM figures AS f
LEFT JOIN (
  SELECT
    customer,
    COUNT(*) AS n
  FROM lines
  WHERE
    (
      product = 'C3' OR category = 'C3'
    )
    AND day > CAST('2025-11-01' AS DATE)
    AND day <= CAST('2025-12-31' AS DATE)
  GROUP BY
    1
) AS l
  USING (customer)
GROUP BY
  f.person
HAVING
  BOOL_AND(CAST(allows_store AS BOOLEAN)) AND SUM(n) > 0;

-- name: manual
-- spend_days(90) > 100 AND bought('C3', 60) AND NOT visited(store => 7, days => 30): by hand.
SELECT
  f.person
FROM figures AS f
LEFT JOIN (
  SELECT
    customer,
    SUM(amount) AS s,
    COUNT(*) FILTER(WHERE
      (
        product = 'C3' OR category = 'C3'
      ) AND day > CAST('2025-11-01' AS DATE)) AS n,
    COUNT(*) FILTER(WHERE
      store = '7' AND day > CAST('2025-12-01' AS DATE)) AS v
  FROM lines
  WHERE
    day > CAST('2025-10-02' AS DATE) AND day <= CAST('2025-12-31' AS DATE)
  GROUP BY
    1
) AS l
  USING (customer)
GROUP BY
  f.person
HAVING
  BOOL_AND(CAST(allows_store AS BOOLEAN))
  AND SUM(s) > 10000
  AND SUM(n) > 0
  AND COALESCE(SUM(v), 0) = 0;

-- name: elsewhere
-- spend(365) > 500 AND NOT visited('7', 365): by hand.
SELECT
  f.person
FROM figures AS f
LEFT JOIN (
  SELECT
    customer,
    SUM(amount) AS s,
    COUNT(*) FILTER(WHERE
      store = '7') AS v
  FROM lines
  WHERE
    day > CAST('2024-12-31' AS DATE) AND day <= CAST('2025-12-31' AS DATE)
  GROUP BY
    1
) AS l
  USING (customer)
GROUP BY
  f.person
HAVING
  BOOL_AND(CAST(allows_store AS BOOLEAN))
  AND SUM(s) > 50000
  AND COALESCE(SUM(v), 0) = 0;

-- name: basket
-- spend(90) / purchases(90) > 25: by hand.
SELECT
  f.person
FROM figures AS f
LEFT JOIN (
  SELECT
    customer,
    SUM(amount) AS s,
    SUM(opens) AS n
  FROM lines
  WHERE
    day > CAST('2025-10-02' AS DATE) AND day <= CAST('2025-12-31' AS DATE)
  GROUP BY
    1
) AS l
  USING (customer)
GROUP BY
  f.person
HAVING
  BOOL_AND(CAST(allows_store AS BOOLEAN)) AND SUM(n) > 0 AND SUM(s) > 2500 * SUM(n);

-- name: growing
-- spend(30) > spend(90) / 3 AND categories(90) >= 4: by hand.
SELECT
  a.person
FROM (
  SELECT
    f.person
  FROM figures AS f
  LEFT JOIN (
    SELECT
      customer,
      SUM(amount) AS s,
      SUM(amount) FILTER(WHERE
        day > CAST('2025-12-01' AS DATE)) AS t
    FROM lines
    WHERE
      day > CAST('2025-10-02' AS DATE) AND day <= CAST('2025-12-31' AS DATE)
    GROUP BY
      1
  ) AS l
    USING (customer)
  GROUP BY
    f.person
  HAVING
    BOOL_AND(CAST(allows_store AS BOOLEAN))
    AND 3 * COALESCE(SUM(t), 0) > COALESCE(SUM(s), 0)
) AS a
JOIN (
  SELECT
    f.person
  FROM lines AS l
  JOIN figures AS f
    USING (customer)
  WHERE
    l.day > CAST('2025-10-02' AS DATE) AND l.day <= CAST('2025-12-31' AS DATE)
  GROUP BY
    1
  HAVING
    COUNT(DISTINCT l.category) >= 4
) AS b
  USING (person);

-- name: either
-- (bought('C3', 30) OR bought('C4', 30)) AND NOT (bought('C5', 180) OR spend(180, category =: by hand.
SELECT
  f.person
FROM figures AS f
LEFT JOIN (
  SELECT
    customer,
    COUNT(*) FILTER(WHERE
      (
        product = 'C3' OR category = 'C3' OR product = 'C4' OR category = 'C4'
      )
      AND day > CAST('2025-12-01' AS DATE)) AS a,
    COUNT(*) FILTER(WHERE
      product = 'C5' OR category = 'C5') AS b,
    SUM(amount) FILTER(WHERE
      category = 'C6') AS c
  FROM lines
  WHERE
    day > CAST('2025-07-04' AS DATE)
    AND day <= CAST('2025-12-31' AS DATE)
    AND (
      category IN ('C3', 'C4', 'C5', 'C6') OR product IN ('C3', 'C4', 'C5')
    )
  GROUP BY
    1
) AS l
  USING (customer)
GROUP BY
  f.person
HAVING
  BOOL_AND(CAST(allows_store AS BOOLEAN))
  AND SUM(a) > 0
  AND COALESCE(SUM(b), 0) = 0
  AND COALESCE(SUM(c), 0) <= 5000;

-- name: nasty
-- spend(365) / purchases(365) BETWEEN 5 AND 50 AND (items(90, category => 'C1') * 2 > items(: by hand.
SELECT
  f.person
FROM figures AS f
LEFT JOIN (
  SELECT
    customer,
    SUM(amount) AS s,
    SUM(opens) AS n,
    SUM(quantity) FILTER(WHERE
      category = 'C1' AND day > CAST('2025-10-02' AS DATE)) AS q,
    SUM(quantity) FILTER(WHERE
      category = 'C1' AND day > CAST('2025-07-04' AS DATE)) AS r,
    COUNT(*) FILTER(WHERE
      product = 'P17' OR category = 'P17') AS p
  FROM lines
  WHERE
    day > CAST('2024-12-31' AS DATE) AND day <= CAST('2025-12-31' AS DATE)
  GROUP BY
    1
) AS l
  USING (customer)
LEFT JOIN (
  SELECT
    customer,
    COUNT(*) AS d
  FROM acts
  WHERE
    type = 'newsletter.subscribed'
    AND day > CAST('2025-07-04' AS DATE)
    AND day <= CAST('2025-12-31' AS DATE)
  GROUP BY
    1
) AS a
  USING (customer)
GROUP BY
  f.person
HAVING
  BOOL_AND(CAST(allows_store AS BOOLEAN))
  AND SUM(n) > 0
  AND SUM(s) BETWEEN 500 * SUM(n) AND 5000 * SUM(n)
  AND (
    2 * COALESCE(SUM(q), 0) > COALESCE(SUM(r), 0)
    OR (
      BOOL_AND(CAST(allows_web AS BOOLEAN)) AND SUM(d) > 0
    )
  )
  AND COALESCE(SUM(p), 0) = 0;

-- Where a portal's account details are refused its company currency is unknown, and so is what deals are worth in it.

CREATE OR REPLACE VIEW metric_closed_won_amount_home WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, day, date_basis, company_currency AS currency,
           CASE WHEN count(*) = count(amount_home) AND company_currency IS NOT NULL
                THEN CAST(sum(amount_home) AS numeric) ELSE 'NaN' END AS numerator,
           CAST(NULL AS numeric) AS denominator
      FROM closed_by_date
     WHERE outcome = 'won' AND amount IS NOT NULL
     GROUP BY 1, 2, 3, 4, 5;

CREATE OR REPLACE VIEW metric_closed_lost_amount_home WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, day, date_basis, company_currency AS currency,
           CASE WHEN count(*) = count(amount_home) AND company_currency IS NOT NULL
                THEN CAST(sum(amount_home) AS numeric) ELSE 'NaN' END AS numerator,
           CAST(NULL AS numeric) AS denominator
      FROM closed_by_date
     WHERE outcome = 'lost' AND amount IS NOT NULL
     GROUP BY 1, 2, 3, 4, 5;

CREATE OR REPLACE VIEW metric_open_amount_home WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, closes_on AS day, 'closedate' AS date_basis, company_currency AS currency,
           CASE WHEN count(*) = count(amount_home) AND company_currency IS NOT NULL
                THEN CAST(sum(amount_home) AS numeric) ELSE 'NaN' END AS numerator,
           CAST(NULL AS numeric) AS denominator
      FROM counted_by_metrics
     WHERE outcome = 'open' AND amount IS NOT NULL
     GROUP BY 1, 2, 3, 4, 5;

CREATE OR REPLACE VIEW metric_overdue_amount_home WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, closes_on AS day, 'closedate' AS date_basis, company_currency AS currency,
           CASE WHEN count(*) = count(amount_home) AND company_currency IS NOT NULL
                THEN CAST(sum(amount_home) AS numeric) ELSE 'NaN' END AS numerator,
           CAST(NULL AS numeric) AS denominator
      FROM counted_by_metrics
     WHERE overdue AND amount IS NOT NULL
     GROUP BY 1, 2, 3, 4, 5;

CREATE OR REPLACE VIEW metric_pipeline_created_amount_home WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, created_on AS day, 'createdate' AS date_basis, company_currency AS currency,
           CASE WHEN count(*) = count(amount_home) AND company_currency IS NOT NULL
                THEN CAST(sum(amount_home) AS numeric) ELSE 'NaN' END AS numerator,
           CAST(NULL AS numeric) AS denominator
      FROM counted_by_metrics
     WHERE amount IS NOT NULL
     GROUP BY 1, 2, 3, 4, 5;

-- Won deals and whose they are, as the geography tells: the primary company, else the lead contact; of what was merged,
-- the survivor.
CREATE VIEW won_by_metrics WITH (security_invoker = true) AS
    SELECT deal.mind_id, deal.connector_id, deal.hubspot_id,
           CAST(close_moment(deal.close_at, report.zone) AT TIME ZONE report.zone AS date) AS closes_on,
           coalesce('company ' || coalesce(company.merged_into, deal.primary_company_id),
                    'contact ' || coalesce(contact.merged_into, deal.lead_contact_id)) AS customer,
           deal.place_country_code, nullif(btrim(deal.place_country_text), '') AS place_country_text
      FROM live_deals AS deal
      JOIN report_zones AS report ON report.connector_id = deal.connector_id
      LEFT JOIN hubspot_crm_objects AS company
        ON company.connector_id = deal.connector_id AND company.object_type = 'companies'
       AND company.hubspot_id = deal.primary_company_id
      LEFT JOIN hubspot_crm_objects AS contact
        ON contact.connector_id = deal.connector_id AND contact.object_type = 'contacts'
       AND contact.hubspot_id = deal.lead_contact_id
     WHERE deal.outcome = 'won' AND deal.filtered_reason IS NULL;
COMMENT ON VIEW won_by_metrics IS 'metrics: won deals that no filter leaves out, and whose they are';

-- A customer is where any of its won deals is, and counts on the day of the first of them.
CREATE VIEW customers_by_metrics WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, customer, min(closes_on) AS first_won_on,
           count(place_country_code) > 0 AS has_country,
           count(place_country_code) = 0 AND count(place_country_text) > 0 AS has_unrecognized_country
      FROM won_by_metrics
     WHERE customer IS NOT NULL
     GROUP BY 1, 2, 3;
COMMENT ON VIEW customers_by_metrics IS 'metrics: customers, each once, since when they are customers and whether their country is known';

CREATE VIEW metric_customers_all WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, first_won_on AS day, 'closedate' AS date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) AS numeric) AS numerator,
           CAST(NULL AS numeric) AS denominator
      FROM customers_by_metrics
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_customers_all IS 'metrics: customers, by the day of their first won deal';

CREATE VIEW metric_customers_without_country WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, first_won_on AS day, 'closedate' AS date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) FILTER (WHERE NOT has_country AND NOT has_unrecognized_country) AS numeric) AS numerator,
           CAST(count(*) AS numeric) AS denominator
      FROM customers_by_metrics
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_customers_without_country IS 'metrics: customers without a country, of all of them, by the day of their first won deal';

CREATE VIEW metric_customers_unrecognized_country WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, first_won_on AS day, 'closedate' AS date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) FILTER (WHERE has_unrecognized_country) AS numeric) AS numerator,
           CAST(count(*) AS numeric) AS denominator
      FROM customers_by_metrics
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_customers_unrecognized_country IS 'metrics: customers with an unrecognized country, of all of them, by the day of their first won deal';

CREATE VIEW metric_closed_won_without_customer WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, closes_on AS day, 'closedate' AS date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) FILTER (WHERE customer IS NULL) AS numeric) AS numerator,
           CAST(count(*) AS numeric) AS denominator
      FROM won_by_metrics
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_closed_won_without_customer IS 'metrics: won deals without a customer, of all of them, by day';

GRANT SELECT ON
    won_by_metrics, customers_by_metrics, metric_customers_all, metric_customers_without_country,
    metric_customers_unrecognized_country, metric_closed_won_without_customer
    TO coppermind_app, coppermind_reader, coppermind_mind_reader;

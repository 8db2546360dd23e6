-- What reports, status, synthesis and the views below count by. Each function becomes part of the statement that names it.
-- `closes` is the close date as people mean it, which `close_moment` tells.

CREATE FUNCTION is_overdue(outcome text, closes timestamptz, today timestamptz) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN outcome = 'open' AND closes < today;
COMMENT ON FUNCTION is_overdue IS 'metrics: whether an open deal should have closed before today, which is a day''s first moment';

CREATE FUNCTION lacks_reason(outcome text, loss_reason text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN outcome = 'lost' AND loss_reason IS NULL;
COMMENT ON FUNCTION lacks_reason IS 'metrics: whether a lost deal gives no reason that says something';

CREATE FUNCTION days_to_close(created timestamptz, closes timestamptz, zone text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CAST(closes AT TIME ZONE zone AS date) - CAST(created AT TIME ZONE zone AS date);
COMMENT ON FUNCTION days_to_close IS 'metrics: calendar days from creation to close in a zone; below zero: closed before';

CREATE FUNCTION weighted_amount(amount numeric, probability numeric, stage_probability numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN amount * coalesce(probability, stage_probability);
COMMENT ON FUNCTION weighted_amount IS 'metrics: an amount times the deal''s own probability, else its stage''s; not rounded';

CREATE FUNCTION known_zone(name text) RETURNS text LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    PERFORM now() AT TIME ZONE name;
    RETURN name;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN NULL;
END $$;
COMMENT ON FUNCTION known_zone IS 'metrics: the name of a time zone, where it is one';

-- A connector at a time, however many deals it has: OFFSET 0 keeps it from becoming part of what names it.
CREATE VIEW report_zones WITH (security_invoker = true) AS
    SELECT connector.id AS connector_id, connector.mind_id, account.company_currency,
           coalesce(known_zone(connector.config ->> 'report_timezone'), known_zone(account.time_zone), 'UTC') AS zone
      FROM connectors AS connector LEFT JOIN hubspot_portals AS account ON account.connector_id = connector.id
    OFFSET 0;
COMMENT ON VIEW report_zones IS 'metrics: the zone that a connector''s figures have their days in, as reports choose it';

CREATE VIEW counted_by_metrics WITH (security_invoker = true) AS
    SELECT deal.mind_id, deal.connector_id, deal.hubspot_id, deal.outcome, deal.amount, deal.currency,
           weighted_amount(deal.amount, deal.probability, deal.stage_probability) AS weighted,
           lacks_reason(deal.outcome, deal.loss_reason) AS lacks_reason, deal.deal_type, deal.attributed_source,
           report.zone, deal.created_at, closes.at AS closes_at, deal.closed_won_at, deal.entered_closed_won_at,
           deal.entered_stage_at, deal.modified_at,
           CAST(deal.created_at AT TIME ZONE report.zone AS date) AS created_on,
           CAST(closes.at AT TIME ZONE report.zone AS date) AS closes_on,
           days_to_close(deal.created_at, closes.at, report.zone) AS days_to_close,
           is_overdue(deal.outcome, closes.at, date_trunc('day', now(), report.zone)) AS overdue
      FROM live_deals AS deal
      JOIN report_zones AS report ON report.connector_id = deal.connector_id
     CROSS JOIN LATERAL (SELECT close_moment(deal.close_at, report.zone) AS at) AS closes
     WHERE deal.filtered_reason IS NULL;
COMMENT ON VIEW counted_by_metrics IS 'metrics: deals that no filter leaves out, with the days that figures are counted by';

-- Won and lost deals, once for each date that a report can count them by; `day` is null where there is none.
CREATE VIEW closed_by_date WITH (security_invoker = true) AS
    SELECT deal.mind_id, deal.connector_id, deal.hubspot_id, deal.outcome, deal.amount, deal.currency,
           deal.lacks_reason, deal.deal_type, deal.days_to_close, dated.basis AS date_basis,
           CAST(dated.at AT TIME ZONE deal.zone AS date) AS day
      FROM counted_by_metrics AS deal
     CROSS JOIN LATERAL (VALUES
           ('closedate', deal.closes_at),
           ('hs_closed_won_date',
            CASE WHEN deal.outcome = 'lost' THEN deal.closes_at ELSE close_moment(deal.closed_won_at, deal.zone) END),
           ('date_entered_closed_won',
            CASE WHEN deal.outcome = 'lost' THEN deal.closes_at ELSE deal.entered_closed_won_at END),
           ('date_entered_current_stage', deal.entered_stage_at),
           ('hs_lastmodifieddate', deal.modified_at)) AS dated (basis, at)
     WHERE deal.outcome IN ('won', 'lost');
COMMENT ON VIEW closed_by_date IS 'metrics: won and lost deals, once for each date that a report can count them by';

-- The figures. A count or a sum is the sum of the numerators, a rate or an average that divided by the sum of the
-- denominators; a median is that of the numerators, which are one row per deal. Any days, connectors and currencies add up.

CREATE VIEW metric_closed_won_deals WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, day, date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) AS numeric) AS numerator,
           CAST(NULL AS numeric) AS denominator
      FROM closed_by_date
     WHERE outcome = 'won'
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_closed_won_deals IS 'metrics: won deals, by day';

CREATE VIEW metric_closed_won_amounts WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, day, date_basis, currency,
           CAST(sum(amount) AS numeric) AS numerator,
           CAST(NULL AS numeric) AS denominator
      FROM closed_by_date
     WHERE outcome = 'won' AND amount IS NOT NULL
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_closed_won_amounts IS 'metrics: what won deals are worth, by day and currency';

CREATE VIEW metric_closed_won_without_amount WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, day, date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) FILTER (WHERE amount IS NULL) AS numeric) AS numerator,
           CAST(count(*) AS numeric) AS denominator
      FROM closed_by_date
     WHERE outcome = 'won'
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_closed_won_without_amount IS 'metrics: won deals without an amount, of all, by day';

CREATE VIEW metric_closed_lost_deals WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, day, date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) AS numeric) AS numerator,
           CAST(NULL AS numeric) AS denominator
      FROM closed_by_date
     WHERE outcome = 'lost'
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_closed_lost_deals IS 'metrics: lost deals, by day';

CREATE VIEW metric_closed_lost_amounts WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, day, date_basis, currency,
           CAST(sum(amount) AS numeric) AS numerator,
           CAST(NULL AS numeric) AS denominator
      FROM closed_by_date
     WHERE outcome = 'lost' AND amount IS NOT NULL
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_closed_lost_amounts IS 'metrics: what lost deals are worth, by day and currency';

CREATE VIEW metric_closed_lost_without_amount WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, day, date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) FILTER (WHERE amount IS NULL) AS numeric) AS numerator,
           CAST(count(*) AS numeric) AS denominator
      FROM closed_by_date
     WHERE outcome = 'lost'
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_closed_lost_without_amount IS 'metrics: lost deals without an amount, of all, by day';

CREATE VIEW metric_win_rate WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, day, date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) FILTER (WHERE outcome = 'won') AS numeric) AS numerator,
           CAST(count(*) AS numeric) AS denominator
      FROM closed_by_date
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_win_rate IS 'metrics: won deals, of won and lost ones, by day';

CREATE VIEW metric_average_deal WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, day, date_basis, currency,
           CAST(sum(amount) AS numeric) AS numerator,
           CAST(count(*) AS numeric) AS denominator
      FROM closed_by_date
     WHERE outcome = 'won' AND amount IS NOT NULL
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_average_deal IS 'metrics: what won deals are worth, and how many have an amount, by day and currency';

CREATE VIEW metric_median_days_to_close WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, day, date_basis, CAST(NULL AS text) AS currency,
           CAST(days_to_close AS numeric) AS numerator,
           CAST(1 AS numeric) AS denominator
      FROM closed_by_date
     WHERE outcome = 'won' AND days_to_close >= 0;
COMMENT ON VIEW metric_median_days_to_close IS 'metrics: days from creation to close, a row for each won deal';

CREATE VIEW metric_closed_before_created WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, day, date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) AS numeric) AS numerator,
           CAST(NULL AS numeric) AS denominator
      FROM closed_by_date
     WHERE outcome = 'won' AND days_to_close < 0
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_closed_before_created IS 'metrics: won deals with a close date before their creation, by day';

CREATE VIEW metric_losses_without_reason WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, day, date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) FILTER (WHERE lacks_reason) AS numeric) AS numerator,
           CAST(count(*) AS numeric) AS denominator
      FROM closed_by_date
     WHERE outcome = 'lost'
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_losses_without_reason IS 'metrics: lost deals without a reason, of all of them, by day';

CREATE VIEW metric_open_deals WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, closes_on AS day, 'closedate' AS date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) AS numeric) AS numerator,
           CAST(NULL AS numeric) AS denominator
      FROM counted_by_metrics
     WHERE outcome = 'open'
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_open_deals IS 'metrics: open deals of now, by day';

CREATE VIEW metric_open_amounts WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, closes_on AS day, 'closedate' AS date_basis, currency,
           CAST(sum(amount) AS numeric) AS numerator,
           CAST(NULL AS numeric) AS denominator
      FROM counted_by_metrics
     WHERE outcome = 'open' AND amount IS NOT NULL
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_open_amounts IS 'metrics: what open deals of now are worth, by day and currency';

CREATE VIEW metric_open_without_amount WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, closes_on AS day, 'closedate' AS date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) FILTER (WHERE amount IS NULL) AS numeric) AS numerator,
           CAST(count(*) AS numeric) AS denominator
      FROM counted_by_metrics
     WHERE outcome = 'open'
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_open_without_amount IS 'metrics: open deals of now without an amount, of all, by day';

CREATE VIEW metric_overdue_deals WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, closes_on AS day, 'closedate' AS date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) AS numeric) AS numerator,
           CAST(NULL AS numeric) AS denominator
      FROM counted_by_metrics
     WHERE overdue
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_overdue_deals IS 'metrics: overdue deals of now, by day';

CREATE VIEW metric_overdue_amounts WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, closes_on AS day, 'closedate' AS date_basis, currency,
           CAST(sum(amount) AS numeric) AS numerator,
           CAST(NULL AS numeric) AS denominator
      FROM counted_by_metrics
     WHERE overdue AND amount IS NOT NULL
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_overdue_amounts IS 'metrics: what overdue deals of now are worth, by day and currency';

CREATE VIEW metric_overdue_without_amount WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, closes_on AS day, 'closedate' AS date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) FILTER (WHERE amount IS NULL) AS numeric) AS numerator,
           CAST(count(*) AS numeric) AS denominator
      FROM counted_by_metrics
     WHERE overdue
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_overdue_without_amount IS 'metrics: overdue deals of now without an amount, of all, by day';

CREATE VIEW metric_weighted_pipeline WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, closes_on AS day, 'closedate' AS date_basis, currency,
           CAST(sum(weighted) AS numeric) AS numerator,
           CAST(NULL AS numeric) AS denominator
      FROM counted_by_metrics
     WHERE outcome = 'open' AND weighted IS NOT NULL
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_weighted_pipeline IS 'metrics: open deals'' amounts times their probability, by close day and currency';

CREATE VIEW metric_pipeline_created_deals WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, created_on AS day, 'createdate' AS date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) AS numeric) AS numerator,
           CAST(NULL AS numeric) AS denominator
      FROM counted_by_metrics
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_pipeline_created_deals IS 'metrics: deals that were created, by day';

CREATE VIEW metric_pipeline_created_amounts WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, created_on AS day, 'createdate' AS date_basis, currency,
           CAST(sum(amount) AS numeric) AS numerator,
           CAST(NULL AS numeric) AS denominator
      FROM counted_by_metrics
     WHERE amount IS NOT NULL
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_pipeline_created_amounts IS 'metrics: what deals that were created are worth, by day and currency';

CREATE VIEW metric_pipeline_created_without_amount WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, created_on AS day, 'createdate' AS date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) FILTER (WHERE amount IS NULL) AS numeric) AS numerator,
           CAST(count(*) AS numeric) AS denominator
      FROM counted_by_metrics
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_pipeline_created_without_amount IS 'metrics: deals that were created without an amount, of all, by day';

CREATE VIEW metric_deals_all WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, created_on AS day, 'createdate' AS date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) AS numeric) AS numerator,
           CAST(NULL AS numeric) AS denominator
      FROM counted_by_metrics
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_deals_all IS 'metrics: deals, by day of creation';

CREATE VIEW metric_deals_without_source WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, created_on AS day, 'createdate' AS date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) FILTER (WHERE attributed_source IS NULL) AS numeric) AS numerator,
           CAST(count(*) AS numeric) AS denominator
      FROM counted_by_metrics
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_deals_without_source IS 'metrics: deals without a source, of all of them, by day of creation';

CREATE VIEW metric_closed_won_new_business WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, day, date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) FILTER (WHERE deal_type = 'newbusiness') AS numeric) AS numerator,
           CAST(count(*) AS numeric) AS denominator
      FROM closed_by_date
     WHERE outcome = 'won' AND date_basis = 'closedate'
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_closed_won_new_business IS 'metrics: won deals that are new business, of all won ones';

CREATE VIEW metric_closed_won_existing_business WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, day, date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) FILTER (WHERE deal_type = 'existingbusiness') AS numeric) AS numerator,
           CAST(count(*) AS numeric) AS denominator
      FROM closed_by_date
     WHERE outcome = 'won' AND date_basis = 'closedate'
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_closed_won_existing_business IS 'metrics: won deals that are existing business, of all won ones';

CREATE VIEW metric_contacts_all WITH (security_invoker = true) AS
    SELECT mind_id, connector_id,
           CAST(contact.created_at AT TIME ZONE report.zone AS date) AS day, 'createdate' AS date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) AS numeric) AS numerator,
           CAST(NULL AS numeric) AS denominator
      FROM live_records AS contact JOIN report_zones AS report USING (connector_id, mind_id)
     WHERE object_type = 'contacts' AND NOT referenced_only AND filtered_reason IS NULL
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_contacts_all IS 'metrics: contacts, by day of creation';

CREATE VIEW metric_contacts_without_source WITH (security_invoker = true) AS
    SELECT mind_id, connector_id,
           CAST(contact.created_at AT TIME ZONE report.zone AS date) AS day, 'createdate' AS date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) FILTER (WHERE source IS NULL) AS numeric) AS numerator,
           CAST(count(*) AS numeric) AS denominator
      FROM live_records AS contact JOIN report_zones AS report USING (connector_id, mind_id)
     WHERE object_type = 'contacts' AND NOT referenced_only AND filtered_reason IS NULL
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_contacts_without_source IS 'metrics: contacts without a source, of all of them, by day of creation';

GRANT SELECT ON
    report_zones, counted_by_metrics, closed_by_date, metric_closed_won_deals, metric_closed_won_amounts,
    metric_closed_won_without_amount, metric_closed_lost_deals, metric_closed_lost_amounts,
    metric_closed_lost_without_amount, metric_win_rate, metric_average_deal, metric_median_days_to_close,
    metric_closed_before_created, metric_losses_without_reason, metric_open_deals, metric_open_amounts,
    metric_open_without_amount, metric_overdue_deals, metric_overdue_amounts, metric_overdue_without_amount,
    metric_weighted_pipeline, metric_pipeline_created_deals, metric_pipeline_created_amounts,
    metric_pipeline_created_without_amount, metric_deals_all, metric_deals_without_source,
    metric_closed_won_new_business, metric_closed_won_existing_business, metric_contacts_all,
    metric_contacts_without_source
    TO coppermind_app, coppermind_reader, coppermind_mind_reader;

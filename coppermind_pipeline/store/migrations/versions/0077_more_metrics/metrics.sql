-- More figures, as 0066_metrics has the others: each view stands on what reports and synthesis count by.

CREATE OR REPLACE VIEW counted_by_metrics WITH (security_invoker = true) AS
    SELECT deal.mind_id, deal.connector_id, deal.hubspot_id, deal.outcome, deal.amount, deal.currency,
           weighted_amount(deal.amount, deal.probability, deal.stage_probability) AS weighted,
           lacks_reason(deal.outcome, deal.loss_reason) AS lacks_reason, deal.deal_type, deal.attributed_source,
           report.zone, deal.created_at, closes.at AS closes_at, deal.closed_won_at, deal.entered_closed_won_at,
           deal.entered_stage_at, deal.modified_at,
           CAST(deal.created_at AT TIME ZONE report.zone AS date) AS created_on,
           CAST(closes.at AT TIME ZONE report.zone AS date) AS closes_on,
           days_to_close(deal.created_at, closes.at, report.zone) AS days_to_close,
           is_overdue(deal.outcome, closes.at, date_trunc('day', now(), report.zone)) AS overdue,
           deal.amount_home, report.company_currency
      FROM live_deals AS deal
      JOIN report_zones AS report ON report.connector_id = deal.connector_id
     CROSS JOIN LATERAL (SELECT close_moment(deal.close_at, report.zone) AS at) AS closes
     WHERE deal.filtered_reason IS NULL;

CREATE OR REPLACE VIEW closed_by_date WITH (security_invoker = true) AS
    SELECT deal.mind_id, deal.connector_id, deal.hubspot_id, deal.outcome, deal.amount, deal.currency,
           deal.lacks_reason, deal.deal_type, deal.days_to_close, dated.basis AS date_basis,
           CAST(dated.at AT TIME ZONE deal.zone AS date) AS day, deal.amount_home, deal.company_currency
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

-- What deals are worth in company currency is known where every deal with an amount has one there. Of a day on which
-- that is not so it is no number (NaN), and neither is a sum that takes in that day: a part would be taken for the whole.

CREATE VIEW metric_closed_won_amount_home WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, day, date_basis, company_currency AS currency,
           CASE WHEN count(*) = count(amount_home) THEN CAST(sum(amount_home) AS numeric) ELSE 'NaN' END AS numerator,
           CAST(NULL AS numeric) AS denominator
      FROM closed_by_date
     WHERE outcome = 'won' AND amount IS NOT NULL
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_closed_won_amount_home IS 'metrics: what won deals are worth in company currency, by day; NaN where a deal lacks it';

CREATE VIEW metric_closed_lost_amount_home WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, day, date_basis, company_currency AS currency,
           CASE WHEN count(*) = count(amount_home) THEN CAST(sum(amount_home) AS numeric) ELSE 'NaN' END AS numerator,
           CAST(NULL AS numeric) AS denominator
      FROM closed_by_date
     WHERE outcome = 'lost' AND amount IS NOT NULL
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_closed_lost_amount_home IS 'metrics: what lost deals are worth in company currency, by day; NaN where a deal lacks it';

CREATE VIEW metric_open_amount_home WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, closes_on AS day, 'closedate' AS date_basis, company_currency AS currency,
           CASE WHEN count(*) = count(amount_home) THEN CAST(sum(amount_home) AS numeric) ELSE 'NaN' END AS numerator,
           CAST(NULL AS numeric) AS denominator
      FROM counted_by_metrics
     WHERE outcome = 'open' AND amount IS NOT NULL
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_open_amount_home IS 'metrics: what open deals of now are worth in company currency, by day; NaN where a deal lacks it';

CREATE VIEW metric_overdue_amount_home WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, closes_on AS day, 'closedate' AS date_basis, company_currency AS currency,
           CASE WHEN count(*) = count(amount_home) THEN CAST(sum(amount_home) AS numeric) ELSE 'NaN' END AS numerator,
           CAST(NULL AS numeric) AS denominator
      FROM counted_by_metrics
     WHERE overdue AND amount IS NOT NULL
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_overdue_amount_home IS 'metrics: what overdue deals of now are worth in company currency, by day; NaN where a deal lacks it';

CREATE VIEW metric_pipeline_created_amount_home WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, created_on AS day, 'createdate' AS date_basis, company_currency AS currency,
           CASE WHEN count(*) = count(amount_home) THEN CAST(sum(amount_home) AS numeric) ELSE 'NaN' END AS numerator,
           CAST(NULL AS numeric) AS denominator
      FROM counted_by_metrics
     WHERE amount IS NOT NULL
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_pipeline_created_amount_home IS 'metrics: what deals that were created are worth in company currency, by day; NaN where a deal lacks it';

CREATE VIEW metric_losses_with_reason WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, day, date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) FILTER (WHERE NOT lacks_reason) AS numeric) AS numerator,
           CAST(count(*) AS numeric) AS denominator
      FROM closed_by_date
     WHERE outcome = 'lost'
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_losses_with_reason IS 'metrics: lost deals with a reason, of all of them, by day';

-- By which step a deal was attributed is in the records alone: no report looks at it.
CREATE VIEW sourced_by_metrics WITH (security_invoker = true) AS
    SELECT deal.mind_id, deal.connector_id, deal.attribution_step,
           CAST(deal.created_at AT TIME ZONE report.zone AS date) AS created_on
      FROM live_records AS deal
      JOIN report_zones AS report ON report.connector_id = deal.connector_id
     WHERE deal.object_type = 'deals' AND deal.filtered_reason IS NULL;
COMMENT ON VIEW sourced_by_metrics IS 'metrics: deals that no filter leaves out, and which record their source is from';

CREATE VIEW metric_deals_sourced_by_deal WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, created_on AS day, 'createdate' AS date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) FILTER (WHERE attribution_step = 'deal') AS numeric) AS numerator,
           CAST(count(*) AS numeric) AS denominator
      FROM sourced_by_metrics
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_deals_sourced_by_deal IS 'metrics: deals with their source from the deal, of all of them, by day of creation';

CREATE VIEW metric_deals_sourced_by_contact WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, created_on AS day, 'createdate' AS date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) FILTER (WHERE attribution_step = 'contact') AS numeric) AS numerator,
           CAST(count(*) AS numeric) AS denominator
      FROM sourced_by_metrics
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_deals_sourced_by_contact IS 'metrics: deals with their source from the contact, of all of them, by day of creation';

CREATE VIEW metric_deals_sourced_by_company WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, created_on AS day, 'createdate' AS date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) FILTER (WHERE attribution_step = 'company') AS numeric) AS numerator,
           CAST(count(*) AS numeric) AS denominator
      FROM sourced_by_metrics
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_deals_sourced_by_company IS 'metrics: deals with their source from the company, of all of them, by day of creation';

-- The stages from lead on, by the portal's own order, else HubSpot's; and the statuses that mean disqualified.
CREATE VIEW lead_rules WITH (security_invoker = true) AS
    SELECT report.connector_id, report.mind_id, report.zone,
           coalesce((SELECT array_agg(stage.option ->> 'value' ORDER BY stage.place)
                       FROM jsonb_array_elements(property.options) WITH ORDINALITY AS stage (option, place)
                       JOIN (SELECT each.place FROM jsonb_array_elements(property.options) WITH ORDINALITY
                                    AS each (option, place) WHERE each.option ->> 'value' = 'lead') AS first
                         ON stage.place >= first.place
                      WHERE stage.option ->> 'value' <> 'other'),
                    ARRAY['lead', 'marketingqualifiedlead', 'salesqualifiedlead', 'opportunity', 'customer',
                          'evangelist']) AS lead_stages,
           CASE WHEN jsonb_typeof(connector.config -> 'hubspot_disqualified_statuses') = 'array'
                THEN ARRAY(SELECT jsonb_array_elements_text(connector.config -> 'hubspot_disqualified_statuses'))
                ELSE ARRAY['UNQUALIFIED'] END AS disqualified
      FROM report_zones AS report
      JOIN connectors AS connector ON connector.id = report.connector_id
      LEFT JOIN hubspot_properties AS property
        ON property.connector_id = report.connector_id AND property.object_type = 'contacts'
       AND property.name = 'lifecyclestage'
    OFFSET 0;
COMMENT ON VIEW lead_rules IS 'metrics: by which stages and statuses contacts of a connector are leads, and disqualified';

-- A contact in an open deal is not stuck, even if a filter keeps that deal out of the figures.
CREATE VIEW leads_by_metrics WITH (security_invoker = true) AS
    SELECT contact.mind_id, contact.connector_id, contact.hubspot_id,
           CAST(contact.created_at AT TIME ZONE rule.zone AS date) AS created_on,
           lead_leak(contact.lead_status, contact.lifecycle_stage, contact.modified_at,
                     EXISTS (SELECT FROM hubspot_associations AS link
                               JOIN live_deals AS deal
                                 ON deal.connector_id = link.connector_id AND deal.hubspot_id = link.from_id
                              WHERE link.connector_id = contact.connector_id AND link.from_type = 'deals'
                                AND link.to_type = 'contacts' AND link.to_id = contact.hubspot_id
                                AND link.valid_to IS NULL AND deal.outcome = 'open'),
                     rule.disqualified, 'BAD_TIMING', ARRAY['lead', 'marketingqualifiedlead', 'salesqualifiedlead'],
                     now() - interval '90 days') AS leak
      FROM live_contacts AS contact
      JOIN lead_rules AS rule ON rule.connector_id = contact.connector_id
     WHERE NOT contact.referenced_only AND contact.filtered_reason IS NULL
       AND (coalesce(contact.lifecycle_stage = ANY(rule.lead_stages), false)
            OR (contact.stages_entered || contact.stages_seen) && rule.lead_stages);
COMMENT ON VIEW leads_by_metrics IS 'metrics: contacts that are or were a lead, or in a later stage, and how they leak as of now';

CREATE VIEW metric_leads_all WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, created_on AS day, 'createdate' AS date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) AS numeric) AS numerator,
           CAST(NULL AS numeric) AS denominator
      FROM leads_by_metrics
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_leads_all IS 'metrics: leads, by day of creation';

CREATE VIEW metric_leads_disqualified WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, created_on AS day, 'createdate' AS date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) FILTER (WHERE leak = 'disqualified') AS numeric) AS numerator,
           CAST(count(*) AS numeric) AS denominator
      FROM leads_by_metrics
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_leads_disqualified IS 'metrics: disqualified leads, of all of them, by day of creation';

CREATE VIEW metric_leads_postponed WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, created_on AS day, 'createdate' AS date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) FILTER (WHERE leak = 'postponed') AS numeric) AS numerator,
           CAST(count(*) AS numeric) AS denominator
      FROM leads_by_metrics
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_leads_postponed IS 'metrics: postponed leads, of all of them, by day of creation';

CREATE VIEW metric_leads_stuck WITH (security_invoker = true) AS
    SELECT mind_id, connector_id, created_on AS day, 'createdate' AS date_basis, CAST(NULL AS text) AS currency,
           CAST(count(*) FILTER (WHERE leak = 'stuck') AS numeric) AS numerator,
           CAST(count(*) AS numeric) AS denominator
      FROM leads_by_metrics
     GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW metric_leads_stuck IS 'metrics: stuck leads, of all of them, by day of creation';

GRANT SELECT ON
    sourced_by_metrics, lead_rules, leads_by_metrics, metric_closed_won_amount_home, metric_closed_lost_amount_home,
    metric_open_amount_home, metric_overdue_amount_home, metric_pipeline_created_amount_home,
    metric_losses_with_reason, metric_deals_sourced_by_deal, metric_deals_sourced_by_contact,
    metric_deals_sourced_by_company, metric_leads_all, metric_leads_disqualified, metric_leads_postponed,
    metric_leads_stuck
    TO coppermind_app, coppermind_reader, coppermind_mind_reader;

-- Two statements: the deals, then the contacts. A company or contact that was merged stands for its survivor, so that a
-- customer whose deals were not all re-linked yet counts once.
CREATE TEMPORARY TABLE counted_deals ON COMMIT DROP AS
SELECT d.hubspot_id, d.name, d.currency, d.amount, d.owner_id, d.pipeline_id, d.stage_id, d.deal_type, d.loss_reason,
       CASE WHEN d.amount IS NULL THEN NULL
            WHEN d.currency = :company_currency THEN d.amount
            ELSE d.amount_home END AS amount_home,
       d.attributed_source AS source, d.attribution_step,
       d.primary_company_id AS company_id,
       coalesce('company ' || coalesce(company.merged_into, d.primary_company_id),
                'contact ' || coalesce(contact.merged_into, d.lead_contact_id)) AS customer,
       d.place_country_code AS country_code, nullif(btrim(d.place_country_text), '') AS country_text,
       nullif(btrim(d.place_region), '') AS region, nullif(btrim(d.place_city), '') AS city,
       CASE WHEN closed_since.it_did THEN 'open' ELSE d.outcome END AS outcome,
       coalesce(d.late_stage, false) AND NOT closed_since.it_did AS late_stage,
       d.close_at,
       (d.close_at AT TIME ZONE :zone)::date AS close_day,
       (d.close_at AT TIME ZONE :zone)::date - (d.created_at AT TIME ZONE :zone)::date AS days_to_close
  FROM hubspot_crm_objects d
 CROSS JOIN LATERAL (SELECT :retrospective AND d.outcome <> 'open' AND coalesce(d.close_at >= :as_of, false) AS it_did)
       AS closed_since
  LEFT JOIN hubspot_crm_objects company
    ON company.connector_id = d.connector_id AND company.object_type = 'companies'
   AND company.hubspot_id = d.primary_company_id
  LEFT JOIN hubspot_crm_objects contact
    ON contact.connector_id = d.connector_id AND contact.object_type = 'contacts'
   AND contact.hubspot_id = d.lead_contact_id
 WHERE d.connector_id = :connector AND d.object_type = 'deals'
   AND d.archived_at IS NULL AND d.merged_into IS NULL AND d.filtered_reason IS NULL
   AND NOT (:retrospective AND coalesce(d.created_at >= :as_of, false));

-- A contact in an open deal is not stuck, even where a filter keeps that deal out of the figures.
CREATE TEMPORARY TABLE counted_contacts ON COMMIT DROP AS
WITH in_open_deal AS (
    SELECT DISTINCT a.to_id AS hubspot_id
      FROM hubspot_associations a
      JOIN hubspot_crm_objects d
        ON d.connector_id = a.connector_id AND d.object_type = 'deals' AND d.hubspot_id = a.from_id
     WHERE a.connector_id = :connector AND a.from_type = 'deals' AND a.to_type = 'contacts' AND a.valid_to IS NULL
       AND d.outcome = 'open' AND d.archived_at IS NULL AND d.merged_into IS NULL
), contacts AS (
    SELECT c.hubspot_id, c.source, c.lifecycle_stage, c.lead_status, c.modified_at,
           coalesce(c.lifecycle_stage = ANY(:lead_stages), false)
           OR EXISTS (SELECT FROM unnest(CAST(:entered AS text[])) AS entered
                       WHERE btrim(c.properties ->> entered) <> '') AS is_lead
      FROM hubspot_crm_objects c
     WHERE c.connector_id = :connector AND c.object_type = 'contacts' AND NOT c.referenced_only
       AND c.archived_at IS NULL AND c.merged_into IS NULL AND c.filtered_reason IS NULL
       AND NOT (:retrospective AND coalesce(c.created_at >= :as_of, false))
)
SELECT contacts.hubspot_id, source, is_lead,
       CASE WHEN NOT is_lead THEN NULL
            WHEN lead_status = ANY(:disqualified) THEN 'disqualified'
            WHEN lead_status = :postponed THEN 'postponed'
            WHEN lifecycle_stage = ANY(:stuck_stages) AND modified_at <= :unchanged_since
                 AND in_open_deal.hubspot_id IS NULL THEN 'stuck' END AS leak
  FROM contacts LEFT JOIN in_open_deal ON in_open_deal.hubspot_id = contacts.hubspot_id

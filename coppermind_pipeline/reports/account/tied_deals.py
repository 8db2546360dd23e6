"""The deals that a company is associated with, as the statements about an account begin."""

# OFFSET 0 keeps each look-up one by key: what a policy leaves of a table is misjudged.
# A merge that attribution has not followed yet leaves the old id as a deal's primary company for some seconds.
DEALS_OF_COMPANY = """
WITH deal AS MATERIALIZED (
    SELECT record.*, record.filtered_reason IS NOT NULL AS is_filtered,
           close_moment(record.close_at, CAST(:zone AS text)) AS closes_at,
           coalesce(record.primary_company_id = :company
                    OR EXISTS (SELECT FROM hubspot_crm_objects AS merged
                                WHERE merged.connector_id = :connector AND merged.object_type = 'companies'
                                  AND merged.hubspot_id = record.primary_company_id
                                  AND merged.merged_into = :company), false) AS is_own
      FROM (SELECT stored.from_id FROM hubspot_associations AS stored
             WHERE stored.connector_id = :connector AND stored.to_type = 'companies' AND stored.to_id = :company
               AND stored.from_type = 'deals' AND stored.valid_to IS NULL OFFSET 0) AS association
     CROSS JOIN LATERAL (
           SELECT stored.hubspot_id, stored.name, stored.outcome, stored.outcome_disagrees, stored.close_at,
                  stored.amount, stored.currency, stored.amount_home, stored.loss_reason, stored.primary_company_id,
                  stored.filtered_reason
             FROM live_deals AS stored
            WHERE stored.connector_id = :connector AND stored.hubspot_id = association.from_id OFFSET 0) AS record
)
"""

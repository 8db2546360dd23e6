-- What is known of each connector's portal: its account, and the window that is read of it. It obeys the policies of whoever
-- asks (`security_invoker`), and becomes part of the statement that names it.
CREATE VIEW portals WITH (security_invoker = true) AS
    SELECT connector.id AS connector_id, connector.mind_id, connector.hub_id, account.time_zone, account.company_currency,
           account.ui_domain, backfill.since, backfill.first_completed_at
      FROM connectors AS connector
      LEFT JOIN hubspot_portals AS account ON account.connector_id = connector.id
      LEFT JOIN hubspot_backfills AS backfill ON backfill.connector_id = connector.id;
COMMENT ON VIEW portals IS 'catalog: a connector''s portal: its account, and the window that is read of it';
GRANT SELECT ON portals TO coppermind_app, coppermind_reader, coppermind_mind_reader;

-- What `connectors action=status` is made of.

-- Facts about the connectors of the transaction's customer, one row each. It runs as the owner, because status speaks of
-- several minds at once; it takes the customer from the transaction alone, returns nothing without one, and of records
-- and memories it tells counts and the name of the deal seen last.
CREATE OR REPLACE FUNCTION connector_facts(asked_connector text, asked_mind uuid) RETURNS SETOF jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = coppermind, pg_temp SET timezone = 'UTC'
    AS $$
SELECT jsonb_build_object(
           'connector', to_jsonb(connector),
           'mind_name', mind.name,
           'oauth_state', (SELECT jsonb_build_object('expires_at', handed_out.expires_at,
                                                     'used', handed_out.used_at IS NOT NULL)
                             FROM oauth_states AS handed_out WHERE handed_out.connector_id = connector.id
                            ORDER BY handed_out.created_at DESC LIMIT 1),
           'portal', (SELECT to_jsonb(portal) FROM hubspot_portals AS portal WHERE portal.connector_id = connector.id),
           'poll', (SELECT to_jsonb(poll) FROM hubspot_polls AS poll WHERE poll.connector_id = connector.id),
           'backfill', (SELECT to_jsonb(backfill) FROM hubspot_backfills AS backfill
                         WHERE backfill.connector_id = connector.id),
           'scans', (SELECT jsonb_object_agg(reading.object_type, to_jsonb(reading)) FROM hubspot_cursors AS reading
                      WHERE reading.connector_id = connector.id AND reading.scan = 'backfill'),
           'problems', (SELECT jsonb_agg(to_jsonb(problem) ORDER BY problem.since, problem.kind, problem.code)
                          FROM connector_problems AS problem WHERE problem.connector_id = connector.id),
           'degraded_types', (SELECT jsonb_agg(hydration.object_type ORDER BY hydration.object_type)
                                FROM hubspot_hydrations AS hydration WHERE hydration.connector_id = connector.id),
           'drift', (SELECT jsonb_object_agg(drift.object_type, jsonb_build_object(
                                'portal_total', drift.portal_total, 'stored_total', drift.stored_total,
                                'since', drift.differs_since, 'missing_ids', to_jsonb(drift.missing_ids),
                                'surplus_ids', to_jsonb(drift.surplus_ids)))
                       FROM hubspot_drifts AS drift
                      WHERE drift.connector_id = connector.id AND drift.confirmed_at IS NOT NULL),
           'queue', (SELECT jsonb_build_object(
                                'waiting', count(*) FILTER (WHERE entry.state = 'pending'),
                                'in_progress', count(*) FILTER (WHERE entry.state = 'pending'
                                                                  AND entry.claimed_at IS NOT NULL
                                                                  AND entry.available_at > clock_timestamp()),
                                'dead', count(*) FILTER (WHERE entry.state = 'dead'),
                                'oldest_pending_at', min(entry.enqueued_at) FILTER (WHERE entry.state = 'pending'),
                                'newest_at', max(entry.enqueued_at))
                       FROM memory_queue AS entry WHERE entry.connector_id = connector.id),
           'last_enqueue_at', (SELECT stage.at FROM pipeline_stages AS stage
                                WHERE stage.connector_id = connector.id AND stage.stage = 'queue'),
           'latest_deal', (SELECT jsonb_build_object('id', deal.hubspot_id, 'name', deal.name,
                                                     'modified_at', deal.modified_at)
                             FROM live_records AS deal
                            WHERE deal.connector_id = connector.id AND deal.object_type = 'deals'
                              AND deal.modified_at IS NOT NULL
                            ORDER BY deal.modified_at DESC LIMIT 1),
           'synthesis', (SELECT to_jsonb(synthesis) - 'figures' || jsonb_build_object(
                                'memories', (SELECT count(*) FROM memory_versions AS aggregate
                                              WHERE aggregate.aggregate_connector_id = connector.id AND aggregate.is_live
                                                AND aggregate.aggregate_scope IS NOT NULL
                                                AND aggregate.aggregate_period_key = synthesis.period_key))
                           FROM syntheses AS synthesis WHERE synthesis.connector_id = connector.id
                          ORDER BY (synthesis.cadence
                                    = coalesce(connector.config ->> 'hubspot_synthesis_cadence', 'weekly')) DESC,
                                   synthesis.period_key DESC
                          LIMIT 1))
  FROM connectors AS connector JOIN minds AS mind ON mind.id = connector.mind_id
 WHERE connector.customer_id = current_customer()
   AND (asked_connector IS NULL OR connector.id = asked_connector)
   AND (asked_mind IS NULL OR connector.mind_id = asked_mind)
 ORDER BY lower(mind.name), connector.created_at, connector.id
$$;

-- A connector's skipped records as status shows them, by type: how many, and the first hundred ids. As the owner, like
-- connector_facts, and like that for the transaction's customer alone. Null: none.
CREATE OR REPLACE FUNCTION connector_skipped_records(asked_connector text) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = coppermind, pg_temp
    AS $$
SELECT jsonb_object_agg(object_type, jsonb_build_object('count', cardinality(ids), 'ids', to_jsonb(ids[:100])))
  FROM (SELECT record.object_type, array_agg(DISTINCT record.hubspot_id) AS ids
          FROM hubspot_skipped_records AS record JOIN connectors AS connector ON connector.id = record.connector_id
         WHERE connector.id = asked_connector AND connector.customer_id = current_customer()
         GROUP BY record.object_type) AS skipped
$$;

COMMENT ON FUNCTION connector_facts IS 'connectors: what status is made of, one row for each of a customer''s connectors';
COMMENT ON FUNCTION connector_skipped_records IS 'sync: records that HubSpot does not answer for, as status shows them';
REVOKE EXECUTE ON FUNCTION connector_facts, connector_skipped_records FROM PUBLIC;
GRANT EXECUTE ON FUNCTION connector_facts, connector_skipped_records TO coppermind_app;

-- What `connectors action=status` is made of.

-- Facts about the connectors of the transaction's customer, one row each. It runs as the owner, because status speaks of
-- several minds at once; it takes the customer from the transaction alone, returns nothing without one, and of records
-- and memories it tells counts and the name of the deal seen last.
CREATE FUNCTION connector_facts(asked_connector text, asked_mind uuid) RETURNS SETOF jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = coppermind, pg_temp SET timezone = 'UTC'
    AS $$
SELECT jsonb_build_object(
           'connector', to_jsonb(c),
           'mind_name', m.name,
           'link', (SELECT jsonb_build_object('expires_at', s.expires_at, 'used', s.used_at IS NOT NULL)
                      FROM oauth_states s WHERE s.connector_id = c.id ORDER BY s.created_at DESC LIMIT 1),
           'portal', (SELECT to_jsonb(p) FROM hubspot_portals p WHERE p.connector_id = c.id),
           'poll', (SELECT to_jsonb(p) FROM hubspot_polls p WHERE p.connector_id = c.id),
           'backfill', (SELECT to_jsonb(b) FROM hubspot_backfills b WHERE b.connector_id = c.id),
           'scans', (SELECT jsonb_object_agg(s.object_type, to_jsonb(s)) FROM hubspot_cursors s
                      WHERE s.connector_id = c.id AND s.scan = 'backfill'),
           'problems', (SELECT jsonb_agg(to_jsonb(e) ORDER BY e.since, e.kind, e.code) FROM connector_problems e
                         WHERE e.connector_id = c.id),
           'degraded_types', (SELECT jsonb_agg(h.object_type ORDER BY h.object_type) FROM hubspot_hydrations h
                               WHERE h.connector_id = c.id),
           'drift', (SELECT jsonb_object_agg(d.object_type, jsonb_build_object(
                                'portal_total', d.portal_total, 'stored_total', d.stored_total,
                                'since', d.differs_since, 'missing_ids', to_jsonb(d.missing_ids),
                                'surplus_ids', to_jsonb(d.surplus_ids)))
                       FROM hubspot_drifts d WHERE d.connector_id = c.id AND d.confirmed_at IS NOT NULL),
           'queue', (SELECT jsonb_build_object(
                                'waiting', count(*) FILTER (WHERE q.state = 'pending'),
                                'in_progress', count(*) FILTER (WHERE q.state = 'pending' AND q.claimed_at IS NOT NULL
                                                                  AND q.available_at > clock_timestamp()),
                                'dead', count(*) FILTER (WHERE q.state = 'dead'),
                                'oldest_pending_at', min(q.enqueued_at) FILTER (WHERE q.state = 'pending'),
                                'newest_at', max(q.enqueued_at))
                       FROM memory_queue q WHERE q.connector_id = c.id),
           'last_enqueue_at', (SELECT s.at FROM pipeline_stages s WHERE s.connector_id = c.id AND s.stage = 'queue'),
           'latest_deal', (SELECT jsonb_build_object('id', o.hubspot_id, 'name', o.name, 'modified_at', o.modified_at)
                             FROM hubspot_crm_objects o
                            WHERE o.connector_id = c.id AND o.object_type = 'deals' AND o.modified_at IS NOT NULL
                              AND o.archived_at IS NULL
                            ORDER BY o.modified_at DESC LIMIT 1),
           'synthesis', (SELECT to_jsonb(y) - 'figures' || jsonb_build_object(
                                'memories', (SELECT count(*) FROM memories a
                                              WHERE a.aggregate_connector_id = c.id AND a.superseded_at IS NULL
                                                AND a.retired_at IS NULL AND a.aggregate_scope IS NOT NULL
                                                AND a.aggregate_period_key = y.period_key))
                           FROM syntheses y WHERE y.connector_id = c.id
                          ORDER BY (y.cadence = coalesce(c.config ->> 'hubspot_synthesis_cadence', 'weekly')) DESC,
                                   y.period_key DESC
                          LIMIT 1))
  FROM connectors c JOIN minds m ON m.id = c.mind_id
 WHERE c.customer_id = current_customer()
   AND (asked_connector IS NULL OR c.id = asked_connector)
   AND (asked_mind IS NULL OR c.mind_id = asked_mind)
 ORDER BY lower(m.name), c.created_at, c.id
$$;

-- A connector's skipped records as status shows them, by type: how many, and the first hundred ids. As the owner, like
-- connector_facts, and like that for the transaction's customer alone. Null: none.
CREATE FUNCTION connector_skipped_records(asked_connector text) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = coppermind, pg_temp
    AS $$
SELECT jsonb_object_agg(object_type, jsonb_build_object(
           'count', cardinality(ids), 'ids', to_jsonb(ids[:100])))
  FROM (SELECT s.object_type, array_agg(DISTINCT s.hubspot_id) AS ids
          FROM hubspot_skipped_records s JOIN connectors c ON c.id = s.connector_id
         WHERE c.id = asked_connector AND c.customer_id = current_customer()
         GROUP BY s.object_type) AS skipped
$$;

REVOKE EXECUTE ON FUNCTION connector_facts, connector_skipped_records FROM PUBLIC;
GRANT EXECUTE ON FUNCTION connector_facts, connector_skipped_records TO coppermind_app;

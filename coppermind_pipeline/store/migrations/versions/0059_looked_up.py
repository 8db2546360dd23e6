"""What batches look for is found by key, where all of a portal was read for it: contacts of companies, associations."""

from alembic import op

revision = "0059"
down_revision = "0052"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Those that have ended are few, so the index of all of them takes the place of the one of those that hold.
    op.execute("CREATE INDEX hubspot_associations_reverse_ever ON hubspot_associations (connector_id, to_type, to_id)")
    op.execute("DROP INDEX hubspot_associations_reverse")
    op.execute("ALTER INDEX hubspot_associations_reverse_ever RENAME TO hubspot_associations_reverse")
    # Beside a policy PostgreSQL can't use the index of a property, since `->>` may tell of rows that the policy hides.
    # So this runs as the owner, and takes the mind from the transaction alone.
    op.execute(
        """
        CREATE FUNCTION contacts_of_companies(asked_connector text, companies text[]) RETURNS TABLE (hubspot_id text)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = coppermind, pg_temp
        AS $$
            SELECT contact.hubspot_id FROM unnest(companies) AS company (id)
             CROSS JOIN LATERAL (SELECT stored.hubspot_id FROM hubspot_crm_objects AS stored
                                  WHERE stored.connector_id = asked_connector AND stored.mind_id = current_mind()
                                    AND stored.object_type = 'contacts' AND stored.company_name IS NULL
                                    AND stored.properties ->> 'associatedcompanyid' = company.id OFFSET 0) AS contact
        $$
        """
    )
    op.execute(
        "COMMENT ON FUNCTION contacts_of_companies IS 'sync: contacts that have one of these companies by its id alone'"
    )
    op.execute("REVOKE EXECUTE ON FUNCTION contacts_of_companies FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION contacts_of_companies TO coppermind_app")

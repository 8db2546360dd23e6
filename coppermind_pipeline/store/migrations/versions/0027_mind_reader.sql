-- Readers of one mind: what `coppermind_reader` may read, less all other minds. Which mind it is lies in the name of the
-- role that logged in, and that nobody but a superuser changes within a session: no setting, no SET ROLE.
CREATE FUNCTION mind_of_login() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN substring(session_user FROM '^coppermind_mind_([0-9a-f]{32})$')::uuid;

CREATE POLICY mind_reader ON minds FOR SELECT TO coppermind_mind_reader USING (id = (SELECT mind_of_login()));
GRANT SELECT ON minds TO coppermind_mind_reader;
DO $$
DECLARE t text;
BEGIN
    FOR t IN SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'mind_id'
              WHERE c.relnamespace = 'coppermind'::regnamespace AND c.relkind = 'r'
                AND has_table_privilege('coppermind_reader', c.oid, 'SELECT') LOOP
        EXECUTE format('CREATE POLICY mind_reader ON %I FOR SELECT TO coppermind_mind_reader
                        USING (mind_id = (SELECT mind_of_login()))', t);
        EXECUTE format('GRANT SELECT ON %I TO coppermind_mind_reader', t);
    END LOOP;
END $$;

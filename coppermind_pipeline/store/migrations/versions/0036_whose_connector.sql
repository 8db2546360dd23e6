-- A row can't pair one mind with another's connector, nor a mind with a customer who does not own it: both halves of each pair
-- are one key. Where stored rows contradict that, the upgrade ends here, names them, and has changed nothing.

-- The bulk tables, which had no key at all: with its plan kept, the check of a row no longer costs what it did.
ALTER TABLE hubspot_raw_records ADD FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id);
ALTER TABLE hubspot_raw_associations ADD FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id);
ALTER TABLE hubspot_crm_objects ADD FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id);
ALTER TABLE hubspot_associations ADD FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id);

-- Whoever holds a mind and a customer holds that mind's customer, and so its connectors' as well.
ALTER TABLE minds ADD UNIQUE (id, customer_id);
ALTER TABLE connectors ADD FOREIGN KEY (mind_id, customer_id) REFERENCES minds (id, customer_id);
ALTER TABLE oauth_states ADD FOREIGN KEY (mind_id, customer_id) REFERENCES minds (id, customer_id);
ALTER TABLE customers DROP CONSTRAINT customers_active_mind_id_fkey;
ALTER TABLE customers ADD FOREIGN KEY (active_mind_id, id) REFERENCES minds (id, customer_id)
    ON DELETE SET NULL (active_mind_id);
ALTER TABLE access_tokens DROP CONSTRAINT access_tokens_active_mind_id_fkey;
ALTER TABLE access_tokens ADD FOREIGN KEY (active_mind_id, customer_id) REFERENCES minds (id, customer_id)
    ON DELETE SET NULL (active_mind_id);

-- Connectors that a row names beside its own.
ALTER TABLE connectors DROP CONSTRAINT connectors_replaced_by_fkey;
ALTER TABLE connectors ADD FOREIGN KEY (replaced_by, mind_id) REFERENCES connectors (id, mind_id);
ALTER TABLE memories ADD CHECK (aggregate_connector_id = connector_id);

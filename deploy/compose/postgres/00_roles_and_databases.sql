-- One role and one database per service: no service can read another's tables.
-- The passwords are for this demo network only.
CREATE ROLE tandem_inventory_availability LOGIN PASSWORD 'tandem';
CREATE DATABASE tandem_inventory_availability OWNER tandem_inventory_availability;
CREATE ROLE tandem_order_orchestrator LOGIN PASSWORD 'tandem';
CREATE DATABASE tandem_order_orchestrator OWNER tandem_order_orchestrator;
CREATE ROLE tandem_finance_posting LOGIN PASSWORD 'tandem';
CREATE DATABASE tandem_finance_posting OWNER tandem_finance_posting;
CREATE ROLE tandem_reconciliation LOGIN PASSWORD 'tandem';
CREATE DATABASE tandem_reconciliation OWNER tandem_reconciliation;
CREATE ROLE tandem_connectors LOGIN PASSWORD 'tandem';
CREATE DATABASE tandem_connectors OWNER tandem_connectors;
CREATE ROLE tandem_gateway LOGIN PASSWORD 'tandem';
CREATE DATABASE tandem_gateway OWNER tandem_gateway;

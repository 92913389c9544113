"""The suite every connector passes: subclass the classes that apply and give them a `Case`."""

from tandem_connector_sdk.conformance.bronze import BronzeConformance as BronzeConformance
from tandem_connector_sdk.conformance.case import Case as Case
from tandem_connector_sdk.conformance.case import Fixture as Fixture
from tandem_connector_sdk.conformance.signature import SignatureConformance as SignatureConformance

"""Shopify: order and refund webhooks."""

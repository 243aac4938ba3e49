-- For /etc/prosody/prosody.cfg.lua: what sip2xmpp needs of Prosody 0.12.

-- Prosody listens for components on 127.0.0.1:5347; these two are only needed for another address or port.
-- component_ports = { 5347 }
-- component_interfaces = { "127.0.0.1" }

-- In the global section: send every stanza at once.  Without it one may wait 40 ms until the one before is acknowledged.
-- network_settings = { nagle = false }

-- One component for each name in xmpp.domains: its users are SIP users of the same domain.
Component "sip.example.org"
    component_secret = "the first line of the gateway's secret_file"
    name = "SIP contacts"

-- And one for xmpp.gateway_domain: its users are addresses of all other domains, bob\40example.com@gw.example.org.
Component "gw.example.org"
    component_secret = "the first line of the gateway's secret_file"
    name = "SIP gateway"

-- If the gateway shall add contacts to rosters itself (XEP-0356; Debian has mod_privilege in prosody-modules): in the VirtualHost
-- of the users
--     modules_enabled = { "privilege" }
--     privileged_entities = { ["gw.example.org"] = { roster = "both" } }
-- and in the Component
--     modules_enabled = { "privilege" }

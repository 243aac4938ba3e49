-- What sip2xmpp needs of Prosody 0.12: a file for /etc/prosody/conf.d, which Debian's prosody.cfg.lua includes.
-- The gateway's side is sip2xmpp.toml beside this file.
--
-- Prosody takes components at 127.0.0.1:5347.  Another address or port is set in prosody.cfg.lua itself:
--     component_ports = { 5347 }
--     component_interfaces = { "127.0.0.1" }
-- There, too, stanzas are sent at once, which would otherwise wait up to 40 ms for the one before to be acknowledged:
--     network_settings = { nagle = false }

-- The domain of the Jabber users, if it is not in another file already.
VirtualHost "jabber.example"

-- One component for each name in xmpp.domains: its users are SIP users of the same domain, bob@sip.example.org.
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

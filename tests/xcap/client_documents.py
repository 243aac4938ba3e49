"""Documents as clients write them: their namespaces, extensions and order of elements, with other people in them."""

from base64 import b64encode
from typing import NamedTuple


class ClientDocument(NamedTuple):
    """A document and the application usage that it is put under."""

    auid: str
    octets: bytes


ROOT = "https://xcap.example.org/xcap"
PICTURE = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00"

BLINK_LISTS = f"""<?xml version='1.0' encoding='UTF-8'?>
<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists" xmlns:addressbook="urn:ag-projects:xml:ns:addressbook"
 xmlns:sipsimple="urn:ag-projects:sipsimple:xml:ns:addressbook" xmlns:xd="urn:oma:xml:xdm:resource-list:oma-uriusage">
  <list name="oma_buddylist">
    <external anchor="{ROOT}/resource-lists/users/sip:juliet@example.org/index/~~/resource-lists/list%5B@name=%22oma_friends%22%5D"/>
  </list>
  <list name="oma_friends">
    <display-name xml:lang="en">Friends</display-name>
    <entry uri="sip:romeo@example.net"><display-name>Romeo</display-name></entry>
    <entry uri="tel:+15551234"/>
  </list>
  <list name="oma_grantedcontacts"><external anchor="{ROOT}/resource-lists/users/sip:juliet@example.org/index/~~/resource-lists/list%5B@name=%22oma_buddylist%22%5D"/></list>
  <list name="oma_blockedcontacts"/>
  <list name="dialog_grantedcontacts"><entry uri="sip:romeo@example.net"/></list>
  <list name="sipsimple_presence_rls"><entry uri="sip:romeo@example.net"/></list>
  <list name="sipsimple_addressbook">
    <addressbook:group id="ID0001"><addressbook:name>Montagues</addressbook:name>
      <addressbook:contacts><addressbook:contact_id>ID0002</addressbook:contact_id></addressbook:contacts>
    </addressbook:group>
    <addressbook:contact id="ID0002">
      <addressbook:name>Romeo</addressbook:name>
      <addressbook:uris default="ID0003">
        <addressbook:uri id="ID0003" uri="romeo@example.net" type="SIP"/>
      </addressbook:uris>
      <addressbook:dialog><addressbook:policy>default</addressbook:policy><addressbook:subscribe>false</addressbook:subscribe></addressbook:dialog>
      <addressbook:presence><addressbook:policy>allow</addressbook:policy><addressbook:subscribe>true</addressbook:subscribe></addressbook:presence>
      <sipsimple:attributes><sipsimple:attribute name="icon" nil="true"/></sipsimple:attributes>
    </addressbook:contact>
    <addressbook:policy-element id="ID0004" uri="paris@example.net"><addressbook:name/></addressbook:policy-element>
  </list>
</resource-lists>
"""

BLINK_SERVICES = f"""<?xml version='1.0' encoding='UTF-8'?>
<rls-services xmlns="urn:ietf:params:xml:ns:rls-services" xmlns:rl="urn:ietf:params:xml:ns:resource-lists">
  <service uri="sip:juliet+presence@example.org">
    <resource-list>{ROOT}/resource-lists/users/sip:juliet@example.org/index/~~/resource-lists/list%5B@name=%22sipsimple_presence_rls%22%5D</resource-list>
    <packages><package>presence</package></packages>
  </service>
  <service uri="sip:juliet+dialog@example.org">
    <list><rl:entry uri="sip:romeo@example.net"><rl:display-name>Romeo</rl:display-name></rl:entry><rl:list name="a"/></list>
    <packages><package>dialog</package><package>presence</package></packages>
  </service>
</rls-services>
"""

BLINK_RULES = f"""<?xml version='1.0' encoding='UTF-8'?>
<cp:ruleset xmlns:cp="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:ietf:params:xml:ns:pres-rules"
 xmlns:agp-cp="urn:ag-projects:xml:ns:common-policy" xmlns:ocp="urn:oma:xml:xdm:common-policy" xmlns:opr="urn:oma:xml:prs:pres-rules">
  <cp:rule id="wp_prs_grantedcontacts">
    <cp:conditions>
      <ocp:external-list><ocp:entry anc="{ROOT}/resource-lists/users/sip:juliet@example.org/index/~~/resource-lists/list%5B@name=%22oma_grantedcontacts%22%5D"/></ocp:external-list>
    </cp:conditions>
    <cp:actions><pr:sub-handling>allow</pr:sub-handling></cp:actions>
    <cp:transformations>
      <pr:provide-services><pr:all-services/></pr:provide-services>
      <pr:provide-persons><pr:all-persons/></pr:provide-persons>
      <pr:provide-devices><pr:all-devices/></pr:provide-devices>
      <pr:provide-all-attributes/>
    </cp:transformations>
    <agp-cp:display-name>Friends</agp-cp:display-name>
  </cp:rule>
  <cp:rule id="wp_prs_blockedcontacts">
    <cp:conditions><cp:identity><cp:one id="sip:paris@example.net"/></cp:identity></cp:conditions>
    <cp:actions><pr:sub-handling>polite-block</pr:sub-handling></cp:actions>
  </cp:rule>
  <cp:rule id="wp_prs_unlisted">
    <cp:conditions><ocp:other-identity/></cp:conditions>
    <cp:actions><pr:sub-handling>confirm</pr:sub-handling></cp:actions>
  </cp:rule>
  <cp:rule id="wp_prs_block_anonymous">
    <cp:conditions><ocp:anonymous-request/></cp:conditions>
    <cp:actions><pr:sub-handling>block</pr:sub-handling></cp:actions>
  </cp:rule>
  <cp:rule id="never"><cp:conditions><agp-cp:false-condition/></cp:conditions></cp:rule>
</cp:ruleset>
"""

BLINK_DIALOG_RULES = """<?xml version='1.0' encoding='UTF-8'?>
<cp:ruleset xmlns:cp="urn:ietf:params:xml:ns:common-policy" xmlns:dr="urn:ag-projects:xml:ns:dialog-rules">
  <cp:rule id="dlg_unlisted"><cp:conditions/><cp:actions><dr:sub-handling>confirm</dr:sub-handling></cp:actions></cp:rule>
</cp:ruleset>
"""

OLDER_DIALOG_RULES = BLINK_DIALOG_RULES.replace(
    "urn:ag-projects:xml:ns:dialog-rules", "http://openxcap.org/ns/dialog-rules"
)

BLINK_PRESENCE = """<?xml version='1.0' encoding='UTF-8'?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
 xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:juliet@example.org">
  <dm:person id="offline_status">
    <rpid:activities><rpid:away/></rpid:activities>
    <dm:note xml:lang="en">On the balcony</dm:note>
    <dm:timestamp>2012-02-03T10:11:12.123456Z</dm:timestamp>
  </dm:person>
  <tuple id="t1"><status><basic>open</basic></status><contact priority="0.8">sip:juliet@example.org</contact></tuple>
</presence>
"""

PICTURE_CONTENT = f"""<?xml version='1.0' encoding='UTF-8'?>
<content xmlns="urn:oma:xml:prs:pres-content">
  <mime-type>image/png</mime-type><encoding>base64</encoding><description xml:lang="en">Icon</description>
  <data>
    {b64encode(PICTURE).decode()[:20]}
    {b64encode(PICTURE).decode()[20:]}
  </data>
</content>
"""

COUNTERPATH_RULES = """<?xml version="1.0" encoding="UTF-8"?>
<ruleset xmlns="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:ietf:params:xml:ns:pres-rules" xmlns:cp="www.counterpath.com/privacy-lists">
 <rule id="pres_whitelist" cp:name="Allowed">
  <conditions><identity><one id="sip:romeo@example.net"/><one id="sip:nurse@example.org"/></identity></conditions>
  <actions><pr:sub-handling>allow</pr:sub-handling></actions>
  <transformations>
   <pr:provide-services><pr:all-services/></pr:provide-services>
   <pr:provide-persons><pr:all-persons/></pr:provide-persons>
   <pr:provide-devices><pr:all-devices/></pr:provide-devices>
   <pr:provide-all-attributes/>
  </transformations>
 </rule>
 <rule id="pres_blacklist"><conditions/><actions><pr:sub-handling>block</pr:sub-handling></actions><transformations/></rule>
</ruleset>
"""

JITSI_RULES = """<?xml version="1.0" encoding="UTF-8"?><ruleset xmlns="urn:ietf:params:xml:ns:common-policy">
<rule id="presence_allow"><conditions><identity><one id="sip:romeo@example.net"/></identity></conditions>
<actions><sub-handling xmlns="urn:ietf:params:xml:ns:pres-rules">allow</sub-handling></actions>
<transformations><provide-services xmlns="urn:ietf:params:xml:ns:pres-rules"><all-services/></provide-services></transformations></rule>
<rule id="presence_block"><conditions><identity/></conditions>
<actions><sub-handling xmlns="urn:ietf:params:xml:ns:pres-rules">block</sub-handling></actions></rule></ruleset>"""

STANDARD_RULES = """<cp:ruleset xmlns="urn:ietf:params:xml:ns:pres-rules" xmlns:cp="urn:ietf:params:xml:ns:common-policy">
<cp:rule id="a">
 <cp:conditions>
  <cp:identity><cp:many domain="example.org"><cp:except id="sip:paris@example.org"/><cp:except domain="example.net"/></cp:many></cp:identity>
  <cp:sphere value="work home"/>
  <cp:validity><cp:from>2026-01-01T00:00:00Z</cp:from><cp:until>2026-12-31T23:59:59+01:00</cp:until></cp:validity>
 </cp:conditions>
 <cp:actions><sub-handling> allow </sub-handling></cp:actions>
 <cp:transformations>
  <provide-services><service-uri-scheme>sip</service-uri-scheme><service-uri>sip:juliet@example.org</service-uri><class>work</class><occurrence-id>t1</occurrence-id></provide-services>
  <provide-devices><deviceID>urn:uuid:1</deviceID></provide-devices>
  <provide-persons><class>x</class></provide-persons>
  <provide-activities>true</provide-activities><provide-mood>1</provide-mood><provide-note>false</provide-note>
  <provide-user-input>bare</provide-user-input>
  <provide-unknown-attribute name="foo" ns="urn:example:foo">true</provide-unknown-attribute>
 </cp:transformations>
</cp:rule></cp:ruleset>"""

OMA_LISTS = """<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists" xmlns:o="urn:example:oma" o:flag="1"><list name="rcs"><external o:x="y" anchor="http://xcap.example.org/resource-lists/users/sip:juliet@example.org/index/~~/resource-lists/list[@name=&quot;oma_buddylist&quot;]"><display-name>All</display-name></external><entry-ref ref="resource-lists/users/sip:juliet@example.org/index/~~/resource-lists/list%5b@name=%22a%22%5d/entry%5b@uri=%22sip:romeo@example.net%22%5d"/><o:more><o:deep/></o:more><entry uri="sip:romeo@example.net" o:seen="1"/></list></resource-lists>"""

CLIENT_DOCUMENTS = {
    name: ClientDocument(auid, text.encode())
    for name, auid, text in (
        ("blink-lists", "resource-lists", BLINK_LISTS),
        ("blink-services", "rls-services", BLINK_SERVICES),
        ("blink-rules", "org.openmobilealliance.pres-rules", BLINK_RULES),
        ("blink-dialog-rules", "org.openxcap.dialog-rules", BLINK_DIALOG_RULES),
        ("older-dialog-rules", "org.openxcap.dialog-rules", OLDER_DIALOG_RULES),
        ("blink-presence", "pidf-manipulation", BLINK_PRESENCE),
        ("picture", "org.openmobilealliance.pres-content", PICTURE_CONTENT),
        ("picture-by-alias", "oma_status-icon", PICTURE_CONTENT),
        ("counterpath-rules", "pres-rules", COUNTERPATH_RULES),
        ("jitsi-rules", "pres-rules", JITSI_RULES),
        ("standard-rules", "pres-rules", STANDARD_RULES),
        ("oma-lists", "resource-lists", OMA_LISTS),
    )
}

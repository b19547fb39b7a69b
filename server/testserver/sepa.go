package testserver

import (
	"bytes"
	"fmt"
	"strings"
)

// SEPA sets up SEPA with all the countries that it reaches.
const SEPA = `{"sepa":{"name":"Anton Payments","iban":"DE89370400440532013000","bic":"COBADEFFXXX","town":"Frankfurt","country":"DE"}}`

// Interbank sets up SEPA for who takes part in its clearing.
const Interbank = `{"interbank":{` + interbankOfTheTests + `}}`

const interbankOfTheTests = `"name":"Anton Payments","iban":"DE89370400440532013000","bic":"COBADEFFXXX","town":"Frankfurt","country":"DE","clearing_system":"ST2"`

// A SEPAReturn is a payment that came back: its end-to-end id, amount, reason code and the day on which it settled.
type SEPAReturn struct{ EndToEnd, Amount, Code, Day string }

// SEPANotification is a camt.054 of the account that SEPA has, with one batch-booked credit of these returns on each of their days.
func SEPANotification(id, total string, returns ...SEPAReturn) []byte {
	var details strings.Builder
	for i, r := range returns {
		fmt.Fprintf(&details, `<TxDtls><Refs><AcctSvcrRef>%s-%d</AcctSvcrRef><EndToEndId>%s</EndToEndId></Refs><Amt Ccy="EUR">%s</Amt><CdtDbtInd>CRDT</CdtDbtInd>`+
			`<RltdDts><IntrBkSttlmDt>%s</IntrBkSttlmDt></RltdDts><RtrInf><Rsn><Cd>%s</Cd></Rsn></RtrInf></TxDtls>`, id, i+1, r.EndToEnd, r.Amount, r.Day, r.Code)
	}
	return fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"><BkToCstmrDbtCdtNtfctn>
 <GrpHdr><MsgId>%[1]s</MsgId><CreDtTm>2026-02-18T17:00:00+01:00</CreDtTm></GrpHdr>
 <Ntfctn><Id>%[1]s</Id><CreDtTm>2026-02-18T17:00:00+01:00</CreDtTm><Acct><Id><IBAN>DE89370400440532013000</IBAN></Id><Ccy>EUR</Ccy></Acct>
  <Ntry><Amt Ccy="EUR">%[2]s</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-02-18</Dt></BookgDt><ValDt><Dt>2026-02-18</Dt></ValDt>
   <AcctSvcrRef>%[1]s</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd><SubFmlyCd>RRTN</SubFmlyCd></Fmly></Domn></BkTxCd>
   <NtryDtls><Btch><NbOfTxs>%[3]d</NbOfTxs></Btch>%[4]s</NtryDtls></Ntry></Ntfctn>
</BkToCstmrDbtCdtNtfctn></Document>`, id, total, len(returns), details.String())
}

// SEPAReturns is a pacs.004 of these returns.
func SEPAReturns(id string, returns ...SEPAReturn) []byte {
	var all strings.Builder
	for i, r := range returns {
		fmt.Fprintf(&all, `<TxInf><RtrId>%s-%d</RtrId><OrgnlEndToEndId>%s</OrgnlEndToEndId><OrgnlTxId>NOTPROVIDED</OrgnlTxId>`+
			`<RtrdIntrBkSttlmAmt Ccy="EUR">%s</RtrdIntrBkSttlmAmt><IntrBkSttlmDt>%s</IntrBkSttlmDt><ChrgBr>SLEV</ChrgBr>`+
			`<RtrRsnInf><Rsn><Cd>%s</Cd></Rsn></RtrRsnInf></TxInf>`, id, i+1, r.EndToEnd, r.Amount, r.Day, r.Code)
	}
	return fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.004.001.09"><PmtRtr><GrpHdr><MsgId>%s</MsgId><CreDtTm>2026-02-18T17:00:00Z</CreDtTm>
<NbOfTxs>%d</NbOfTxs><SttlmInf><SttlmMtd>CLRG</SttlmMtd></SttlmInf></GrpHdr>%s</PmtRtr></Document>`, id, len(returns), all.String())
}

// SEPAStatus is a pain.002 that answers a file of ours: with the status of the whole, which may be empty, and those of payments, each as an
// end-to-end id, a status and a reason code.
func SEPAStatus(message, group, code string, payments ...[3]string) []byte {
	var all strings.Builder
	if group != "" {
		fmt.Fprintf(&all, `<GrpSts>%s</GrpSts>`, group)
	}
	if code != "" {
		fmt.Fprintf(&all, `<StsRsnInf><Rsn><Cd>%s</Cd></Rsn></StsRsnInf>`, code)
	}
	all.WriteString("</OrgnlGrpInfAndSts>")
	if len(payments) > 0 {
		fmt.Fprintf(&all, `<OrgnlPmtInfAndSts><OrgnlPmtInfId>%s-1</OrgnlPmtInfId>`, message)
		for _, p := range payments {
			fmt.Fprintf(&all, `<TxInfAndSts><OrgnlEndToEndId>%s</OrgnlEndToEndId><TxSts>%s</TxSts>`, p[0], p[1])
			if p[2] != "" {
				fmt.Fprintf(&all, `<StsRsnInf><Rsn><Cd>%s</Cd></Rsn></StsRsnInf>`, p[2])
			}
			all.WriteString(`</TxInfAndSts>`)
		}
		all.WriteString(`</OrgnlPmtInfAndSts>`)
	}
	return fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><GrpHdr><MsgId>BANK-1</MsgId><CreDtTm>2026-02-16T15:00:00+01:00</CreDtTm></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>%s</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>%s</CstmrPmtStsRpt></Document>`, message, all.String())
}

// InterbankStatus is a pacs.002 that answers a file of ours: with the status of the whole and a reason code, and with those of payments, each
// as a transaction's id, a status and a reason code.
func InterbankStatus(message, status, code string, payments ...[3]string) []byte {
	var all strings.Builder
	for _, p := range payments {
		fmt.Fprintf(&all, `<TxInfAndSts><OrgnlTxId>%s</OrgnlTxId><TxSts>%s</TxSts>`, p[0], p[1])
		if p[2] != "" {
			fmt.Fprintf(&all, `<StsRsnInf><Rsn><Cd>%s</Cd></Rsn></StsRsnInf>`, p[2])
		}
		all.WriteString(`</TxInfAndSts>`)
	}
	return fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.002.001.10"><FIToFIPmtStsRpt><GrpHdr><MsgId>CSM-1</MsgId><CreDtTm>2026-02-16T15:00:00Z</CreDtTm></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>%s</OrgnlMsgId><OrgnlMsgNmId>pacs.008.001.08</OrgnlMsgNmId><GrpSts>%s</GrpSts><StsRsnInf><Rsn><Cd>%s</Cd></Rsn></StsRsnInf>
</OrgnlGrpInfAndSts>%s</FIToFIPmtStsRpt></Document>`, message, status, code, all.String())
}

// RecallStatus is a pacs.002 that answers a file of recalls of ours with one status.
func RecallStatus(message, status, code string) []byte {
	return bytes.Replace(InterbankStatus(message, status, code), []byte("pacs.008.001.08"), []byte("camt.056.001.08"), 1)
}

// Resolution is a camt.029 with answers to recalls, each as the payment's end-to-end id, a status and a reason code.
func Resolution(id string, answers ...[3]string) []byte {
	var all strings.Builder
	for i, a := range answers {
		fmt.Fprintf(&all, `<TxInfAndSts><CxlStsId>%s-%d</CxlStsId><OrgnlEndToEndId>%s</OrgnlEndToEndId><OrgnlTxId>%[3]s</OrgnlTxId>`+
			`<TxCxlSts>%s</TxCxlSts><CxlStsRsnInf><Orgtr><Nm>Receiving Bank</Nm></Orgtr>`, id, i+1, a[0], a[1])
		if a[2] != "" {
			fmt.Fprintf(&all, `<Rsn><Cd>%s</Cd></Rsn>`, a[2])
		}
		all.WriteString(`</CxlStsRsnInf></TxInfAndSts>`)
	}
	return fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.029.001.09"><RsltnOfInvstgtn>
<Assgnmt><Id>%s</Id><Assgnr><Agt><FinInstnId><BICFI>COBADEFFXXX</BICFI></FinInstnId></Agt></Assgnr><Assgne><Agt><FinInstnId><BICFI>COBADEFFXXX</BICFI></FinInstnId></Agt></Assgne>
<CreDtTm>2026-02-20T10:00:00Z</CreDtTm></Assgnmt><Sts><Conf>%s</Conf></Sts><CxlDtls>%s</CxlDtls></RsltnOfInvstgtn></Document>`, id, answers[0][1], all.String())
}

// RecallOfTheirs is a camt.056 by which another bank asks us for a payment.
func RecallOfTheirs(id, transaction, code string) []byte {
	return fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.056.001.08"><FIToFIPmtCxlReq>
<Assgnmt><Id>%[1]s</Id><Assgnr><Agt><FinInstnId><BICFI>WESTGB22</BICFI></FinInstnId></Agt></Assgnr><Assgne><Agt><FinInstnId><BICFI>COBADEFFXXX</BICFI></FinInstnId></Agt></Assgne>
<CreDtTm>2026-02-20T10:00:00Z</CreDtTm></Assgnmt><CtrlData><NbOfTxs>1</NbOfTxs></CtrlData>
<Undrlyg><TxInf><CxlId>%[1]s</CxlId><OrgnlTxId>%[2]s</OrgnlTxId><CxlRsnInf><Rsn><Cd>%[3]s</Cd></Rsn></CxlRsnInf></TxInf></Undrlyg></FIToFIPmtCxlReq></Document>`,
		id, transaction, code)
}

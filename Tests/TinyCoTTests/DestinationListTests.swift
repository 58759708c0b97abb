import Testing

@testable import TinyCoT

@Suite struct DestinationListTests {
    private func list(_ inside: String) -> [[String?]] {
        let event = ReadEvent(eventText(inside))
        #expect(event.refusal == nil)
        return event.destinations.map {
            [event.text($0.callsign), event.text($0.uid), $0.hasOther ? "+" : nil]
        }
    }

    @Test func corpusRowsNameWhomTheySay() {
        func first(_ number: String) -> (ReadEvent, [Destination]) {
            let event = ReadEvent(EventCorpus.event(number: number))
            return (event, event.destinations)
        }
        let (team, toBravo) = first("26")
        #expect(toBravo.map { team.text($0.callsign) } == ["BRAVO"])
        #expect(
            team.members == [
                "ANDROID-00000000000000a1", "ANDROID-00000000000000b2", "ANDROID-00000000000000c3",
            ])
        let (byUID, toB) = first("29")
        #expect(toB.map { byUID.text($0.uid) } == ["ANDROID-00000000000000b2"])
        let (peer, toTwo) = first("41")
        #expect(toTwo.map { peer.text($0.callsign) } == ["BRAVO", "CHARLIE"])
        let (_, mission) = first("58")
        #expect(mission.allSatisfy { $0.hasOther && $0.hasAny } && !mission.isEmpty)
        #expect(first("60").1.isEmpty)
        #expect(first("01").1.isEmpty)
        #expect(first("h55").1.count == 1000)
    }

    @Test func everyShapeOfADestination() {
        #expect(
            list(
                """
                <marti a='1'> <dest/><dest callsign='a' /><x><dest uid='no'/></x><!-- <dest/> -->\
                <dest uid = "b" callsign='&gt;'>t<y/></dest><destination uid='no'/><?p <dest/>?>\
                <![CDATA[<dest uid='no'/>]]><dest mission='m' path='p'/></marti>\
                <marti><dest uid='>'/></marti><marti/><dest uid='no'/>
                """) == [
                    [nil, nil, nil], ["a", nil, nil], [">", "b", nil], [nil, nil, "+"],
                    [nil, ">", nil],
                ])
        #expect(list("").isEmpty)
    }

    @Test func anEmptyDestinationNamesNobody() {
        let event = ReadEvent(eventText("<marti><dest/><dest uid=''/></marti>"))
        #expect(event.destinations.map(\.hasAny) == [false, true])
    }

    @Test func membersAreTheNumberedUIDsOnly() {
        let event = ReadEvent(
            eventText(
                "<__chat><chatgrp uid0='a' id='x' uid='n' uid10='&lt;' uidx='n' UID1='n'/></__chat>"
            ))
        #expect(event.members == ["a", "<"])
        #expect(ReadEvent(eventText("<__chat/>")).members == [])
    }
}
